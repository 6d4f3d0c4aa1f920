import type { FlowPatch, FlowPost, NodeState, TriggerState, WorkflowState } from '#lib/contracts';
import type { Decider } from '#lib/event-sourcing';
import { notFound, refuseIf } from './error.ts';
import { changed, compact, evolve, type Fact, type Present } from './fact.ts';
import { graphIssues } from './graph.ts';

/** `newId` makes ids of nodes and keys of triggers that came without one. */
interface Making {
  readonly now: string;
  readonly newId: () => string;
}

export type WorkflowCommand =
  | ({ readonly name: 'create'; readonly id: string; readonly applicationId: string; readonly input: FlowPost } & Making)
  | ({ readonly name: 'update'; readonly input: FlowPatch } & Making)
  | { readonly name: 'delete' };
export type WorkflowEvent = Fact<'WorkflowCreated' | 'WorkflowUpdated' | 'WorkflowDeleted', WorkflowState>;

/** Triggers that nothing outside names: the server makes their key. */
const SERVER_KEYED: ReadonlySet<string> = new Set(['virtualButton', 'timer', 'flowError']);

const withKey = (trigger: TriggerState, newId: () => string): TriggerState =>
  trigger.key === undefined && SERVER_KEYED.has(trigger.type) ? { ...trigger, key: newId() } : trigger;

type Sent = FlowPost | FlowPatch;

const nodesOf = (sent: Sent, newId: () => string): NodeState[] | undefined =>
  sent.nodes?.map((node): NodeState => ({ ...node, id: node.id ?? newId() }));
const triggersOf = (sent: Sent, newId: () => string): TriggerState[] | undefined =>
  sent.triggers?.map((trigger) => withKey(trigger, newId));

/** What is kept as it was sent. A blank category and an icon that is null mean: none. */
function extraOf(sent: Sent, before: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { description, shortDescription, iconData, docsUrl, category, minimumAgentVersion } = sent;
  const extra = { ...before, ...compact({ description, shortDescription, iconData, docsUrl, category, minimumAgentVersion }) };
  if (iconData === null) delete extra['iconData'];
  if (category === '') delete extra['category'];
  return extra;
}

function create({ id, applicationId, now, input, newId }: Extract<WorkflowCommand, { name: 'create' }>): WorkflowState {
  return compact({
    id,
    applicationId,
    name: input.name,
    enabled: input.enabled ?? true,
    flowClass: input.flowClass ?? 'cloud',
    triggers: triggersOf(input, newId) ?? [],
    nodes: nodesOf(input, newId) ?? [],
    globals: input.globals ?? [],
    topicFilters: input.topicFilters,
    extra: extraOf(input, {}),
    creationDate: now,
    lastUpdated: now,
  });
}

function update(state: WorkflowState, { now, input, newId }: Extract<WorkflowCommand, { name: 'update' }>): WorkflowState {
  // Versions come with their issue: until then none exists that could be the default.
  if (typeof input.defaultVersionId === 'string') refuseIf([{ path: ['defaultVersionId'], message: 'names no version of this workflow' }]);
  const { topicFilters } = input;
  const next = {
    ...state,
    ...compact({
      name: input.name,
      enabled: input.enabled,
      triggers: triggersOf(input, newId),
      nodes: nodesOf(input, newId),
      globals: input.globals,
    }),
    extra: extraOf(input, state.extra),
    lastUpdated: now,
  };
  if (topicFilters === null) delete next.topicFilters;
  else if (topicFilters !== undefined) next.topicFilters = topicFilters;
  return next;
}

function decide(command: WorkflowCommand, state: Present<WorkflowState>): readonly WorkflowEvent[] {
  if (command.name === 'create') {
    const created = create(command);
    refuseIf(graphIssues(created.triggers, created.nodes));
    return [{ type: 'WorkflowCreated', state: created }];
  }
  if (state === null) throw notFound('the workflow');
  if (command.name === 'delete') return [{ type: 'WorkflowDeleted', state: null }];
  const next = update(state, command);
  if (command.input.triggers !== undefined || command.input.nodes !== undefined) refuseIf(graphIssues(next.triggers, next.nodes));
  return changed(state, next) ? [{ type: 'WorkflowUpdated', state: next }] : [];
}

/** A workflow: triggers and the nodes they start. */
export const workflow = { initialState: null, decide, evolve } satisfies Decider<Present<WorkflowState>, WorkflowCommand, WorkflowEvent>;
