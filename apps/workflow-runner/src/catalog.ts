import { type ApplicationState, type CredentialState, effective, type IntegrationState, type WorkflowState } from '#lib/contracts';
import { ErrorListeners } from '#lib/domain';
import type { ConfigChange } from '#lib/messaging';
import { compileWorkflow, mergedGlobals, type KnownIntegration, type Runnable } from './engine/index.ts';

/** The configuration as far as runs need it, always as the follower has applied it. A workflow is compiled when it first runs, once per version. */
export class Catalog {
  readonly #applications = new Map<string, ApplicationState>();
  readonly #workflows = new Map<string, WorkflowState>();
  readonly #integrations = new Map<string, KnownIntegration>();
  /** By application, then by id. */
  readonly #credentials = new Map<string, Map<string, CredentialState>>();
  readonly #runnables = new Map<string, Runnable>();
  readonly #errorListeners = new ErrorListeners();

  apply({ kind, id, applicationId, state }: ConfigChange): void {
    if (kind === 'application') replace(this.#applications, id, state as ApplicationState | null);
    else if (kind === 'integration') replace(this.#integrations, id, known(state as IntegrationState | null));
    else if (kind === 'credential') this.#credential(applicationId, id, state as CredentialState | null);
    else if (kind === 'workflow') {
      const workflow = state === null ? null : effective(state as WorkflowState);
      replace(this.#workflows, id, workflow);
      this.#runnables.delete(id);
      this.#errorListeners.apply(applicationId, id, workflow);
    }
  }

  /** Undefined when the workflow or its application is gone. */
  runnable(applicationId: string, workflowId: string): Runnable | undefined {
    const application = this.#applications.get(applicationId);
    const workflow = this.#workflows.get(workflowId);
    if (application === undefined || workflow?.applicationId !== applicationId) return undefined;
    const before = this.#runnables.get(workflowId);
    if (before?.application === application) return before;
    const made = {
      workflow: before?.workflow ?? compileWorkflow(workflow),
      application,
      globals: mergedGlobals(application, workflow),
    };
    this.#runnables.set(workflowId, made);
    return made;
  }

  /** Whether any workflow hears of the errors of this one. */
  errorsHeard({ id: flowId, applicationId, flowClass }: WorkflowState): boolean {
    return this.#errorListeners.of(applicationId, { flowId, flowClass }).length > 0;
  }

  /** The application's credential that has this name now. */
  credential(applicationId: string, name: string): CredentialState | undefined {
    for (const state of this.#credentials.get(applicationId)?.values() ?? []) if (state.name === name) return state;
    return undefined;
  }

  #credential(applicationId: string, id: string, state: CredentialState | null): void {
    const credentials = this.#credentials.get(applicationId) ?? new Map<string, CredentialState>();
    replace(credentials, id, state);
    if (credentials.size === 0) this.#credentials.delete(applicationId);
    else this.#credentials.set(applicationId, credentials);
  }

  /** Another tenant's is as good as none. */
  integration(applicationId: string, integrationId: string): KnownIntegration | undefined {
    const found = this.#integrations.get(integrationId);
    return found?.applicationId === applicationId ? found : undefined;
  }
}

const known = (state: IntegrationState | null): KnownIntegration | null =>
  state === null
    ? null
    : { id: state.id, applicationId: state.applicationId, integrationType: state.integrationType, enabled: state.enabled };

function replace<T>(map: Map<string, T>, id: string, state: T | null): void {
  if (state === null) map.delete(id);
  else map.set(id, state);
}
