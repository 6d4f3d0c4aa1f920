import { topicMatches } from '#lib/connectors';
import {
  type ApplicationState,
  effective,
  type InboundType,
  type IntegrationState,
  type PlanLimits,
  type WorkflowState,
} from '#lib/contracts';
import { ErrorListeners } from '#lib/domain';
import type { ConfigChange } from '#lib/messaging';

/** What a workflow waits for at one source. */
interface Listener {
  readonly workflowId: string;
  /** Inbound types it starts on. */
  readonly types: ReadonlySet<InboundType>;
  /** Topic filters that a message's topic must match one of; undefined: all. */
  readonly topicFilters: readonly string[] | undefined;
}

export interface Source {
  readonly applicationId: string;
  readonly enabled: boolean;
}

const NOBODY: readonly string[] = [];

/** The configuration as far as dispatch needs it, always as the follower has applied it. Matching costs what one integration's listeners cost, however much else is configured. */
export class Catalog {
  readonly #limits = new Map<string, PlanLimits>();
  readonly #integrations = new Map<string, Source>();
  readonly #workflows = new Map<string, WorkflowState>();
  /** Integration → listeners, in the order of workflow ids. */
  readonly #listeners = new Map<string, Listener[]>();
  readonly errorListeners = new ErrorListeners();

  apply({ kind, id, state, applicationId }: ConfigChange): void {
    if (kind === 'application') replace(this.#limits, id, (state as ApplicationState | null)?.limits);
    else if (kind === 'integration') {
      const integration = state as IntegrationState | null;
      replace(
        this.#integrations,
        id,
        integration === null ? undefined : { applicationId: integration.applicationId, enabled: integration.enabled },
      );
    } else if (kind === 'workflow') {
      this.#forget(id);
      const workflow = state === null ? null : effective(state as WorkflowState);
      replace(this.#workflows, id, workflow ?? undefined);
      if (workflow?.enabled === true) this.#listen(workflow);
      this.errorListeners.apply(applicationId, id, workflow);
    }
  }

  limits(applicationId: string): PlanLimits | undefined {
    return this.#limits.get(applicationId);
  }

  /** Another tenant's is as good as none. */
  integration(applicationId: string, integrationId: string): Source | undefined {
    const found = this.#integrations.get(integrationId);
    return found?.applicationId === applicationId ? found : undefined;
  }

  workflow(applicationId: string, workflowId: string): WorkflowState | undefined {
    const found = this.#workflows.get(workflowId);
    return found?.applicationId === applicationId ? found : undefined;
  }

  integrationsOf(applicationId: string): string[] {
    return [...this.#integrations].flatMap(([id, source]) => (source.applicationId === applicationId ? [id] : []));
  }

  /** The workflows that an event of an integration starts, each once. */
  matches(applicationId: string, integrationId: string, type: InboundType, topic: unknown): readonly string[] {
    const listeners = this.#listeners.get(integrationId);
    if (listeners === undefined) return NOBODY;
    const found: string[] = [];
    for (const { workflowId, types, topicFilters } of listeners) {
      if (!types.has(type) || this.#workflows.get(workflowId)?.applicationId !== applicationId) continue;
      if (type === 'message' && topicFilters !== undefined && !matchesOne(topicFilters, topic)) continue;
      if (!found.includes(workflowId)) found.push(workflowId);
    }
    return found;
  }

  /** Whether an enabled workflow has this trigger of its own. */
  hasTrigger(applicationId: string, workflowId: string, type: string, key: string): boolean {
    const workflow = this.workflow(applicationId, workflowId);
    return workflow?.enabled === true && workflow.triggers.some((trigger) => trigger.type === type && trigger.key === key);
  }

  #listen(workflow: WorkflowState): void {
    for (const { type, key, config = {} } of workflow.triggers) {
      if (type !== 'integration' || key === undefined) continue;
      const types = new Set<InboundType>();
      if (config['message'] !== false) types.add('message');
      for (const event of ['connect', 'disconnect', 'failure'] as const) if (config[event] === true) types.add(event);
      const listener = { workflowId: workflow.id, types, topicFilters: workflow.topicFilters?.[key] };
      const listeners = this.#listeners.get(key) ?? [];
      listeners.push(listener);
      listeners.sort((a, b) => (a.workflowId < b.workflowId ? -1 : 1));
      this.#listeners.set(key, listeners);
    }
  }

  #forget(workflowId: string): void {
    for (const { key } of this.#workflows.get(workflowId)?.triggers ?? []) {
      if (key === undefined) continue;
      const left = (this.#listeners.get(key) ?? []).filter((listener) => listener.workflowId !== workflowId);
      if (left.length === 0) this.#listeners.delete(key);
      else this.#listeners.set(key, left);
    }
  }
}

const matchesOne = (filters: readonly string[], topic: unknown): boolean =>
  typeof topic === 'string' && filters.some((filter) => topicMatches(filter, topic));

function replace<T>(map: Map<string, T>, id: string, value: T | undefined): void {
  if (value === undefined) map.delete(id);
  else map.set(id, value);
}
