import type { TriggerState, WorkflowState } from '#lib/contracts';

/** Whose errors a flowError trigger waits for, the narrowest first: those of its own workflow, of all of one class, of all. */
const SCOPES = ['local', 'cloud', 'experience', 'global'] as const;
export type ErrorScope = (typeof SCOPES)[number];

/** Classes of workflows that run here; the others are stored for the devices that run them. */
const CLASSES_HERE: ReadonlySet<string> = new Set(['cloud', 'experience']);
export const runsHere = ({ flowClass }: Pick<WorkflowState, 'flowClass'>): boolean => CLASSES_HERE.has(flowClass);

/** The workflow whose run failed. */
export interface Erring {
  readonly flowId: string;
  readonly flowClass: string;
}

/** The scope of a flowError trigger. */
export const errorScopeOf = ({ config }: Pick<TriggerState, 'config'>): ErrorScope =>
  SCOPES.find((scope) => scope === config?.['scope']) ?? 'local';

/** The scopes by which a workflow's triggers hear of an error, narrowest first. */
export const scopesHearing = (listenerId: string, { flowId, flowClass }: Erring): readonly ErrorScope[] =>
  SCOPES.filter((scope) => (scope === 'local' ? listenerId === flowId : scope === 'global' || scope === flowClass));

/** The key under which a run that an error started knows its trigger. */
export const errorTriggerKey = (flowId: string): string => `${flowId}-flowError`;

interface Listener {
  readonly id: string;
  readonly scopes: ReadonlySet<ErrorScope>;
}

/** Which enabled workflows of each application have flowError triggers. Few have, so that nearly every failed run costs one look. */
export class ErrorListeners {
  readonly #applications = new Map<string, Map<string, Listener>>();

  /** A workflow as it is now; null: gone. */
  apply(applicationId: string, workflowId: string, workflow: WorkflowState | null): void {
    const triggers = workflow !== null && workflow.enabled && runsHere(workflow) ? workflow.triggers : [];
    const scopes = new Set(triggers.flatMap((trigger) => (trigger.type === 'flowError' ? [errorScopeOf(trigger)] : [])));
    const listeners = this.#applications.get(applicationId) ?? new Map<string, Listener>();
    if (scopes.size > 0) listeners.set(workflowId, { id: workflowId, scopes });
    else listeners.delete(workflowId);
    if (listeners.size > 0) this.#applications.set(applicationId, listeners);
    else this.#applications.delete(applicationId);
  }

  /** The workflows that hear of an error, those with the narrowest scope first. */
  of(applicationId: string, erring: Erring): readonly string[] {
    const heard = [...(this.#applications.get(applicationId)?.values() ?? [])].flatMap(({ id, scopes }) => {
      const scope = scopesHearing(id, erring).find((one) => scopes.has(one));
      return scope === undefined ? [] : [{ id, rank: SCOPES.indexOf(scope) }];
    });
    return heard.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
  }
}
