import type { FieldIssue, FlowPatch, FlowPost, FlowVersionState, WorkflowState } from '#lib/contracts';
import type { Decider } from '#lib/event-sourcing';
import { classIssues } from './classes.ts';
import { notFound, refuseIf } from './error.ts';
import { changed, compact, evolve, type Fact, type Present } from './fact.ts';
import { asDefault } from './flow-version.ts';
import { graphIssues } from './graph.ts';
import { nodesOf, triggersOf } from './made.ts';

/** `newId` makes ids of nodes and keys of triggers that came without one. */
interface Making {
  readonly now: string;
  readonly newId: () => string;
}

export type WorkflowCommand =
  | ({ readonly name: 'create'; readonly id: string; readonly applicationId: string; readonly input: FlowPost } & Making)
  /** `defaultVersion`: the version of this workflow that the input names as such. */
  | ({ readonly name: 'update'; readonly input: FlowPatch; readonly defaultVersion?: FlowVersionState | undefined } & Making)
  | { readonly name: 'delete' };
export type WorkflowEvent = Fact<'WorkflowCreated' | 'WorkflowUpdated' | 'WorkflowDeleted', WorkflowState>;

type Sent = FlowPost | FlowPatch;

/** What is kept as it was sent. A blank category and an icon that is null mean: none. */
function extraOf(sent: Sent, before: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { description, shortDescription, iconData, docsUrl, category, minimumAgentVersion, customNodeConfig } = sent;
  const customNodeSupports = 'customNodeSupports' in sent ? sent.customNodeSupports : undefined;
  const told = { description, shortDescription, iconData, docsUrl, category, minimumAgentVersion, customNodeConfig, customNodeSupports };
  const extra = { ...before, ...compact(told) };
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
    triggers: triggersOf(input.triggers, newId) ?? [],
    nodes: nodesOf(input.nodes, newId) ?? [],
    globals: input.globals ?? [],
    topicFilters: input.topicFilters,
    extra: extraOf(input, {}),
    creationDate: now,
    lastUpdated: now,
  });
}

function update(state: WorkflowState, { now, input, newId, defaultVersion }: Extract<WorkflowCommand, { name: 'update' }>): WorkflowState {
  if (typeof input.defaultVersionId === 'string' && defaultVersion?.flowId !== state.id)
    refuseIf([{ path: ['defaultVersionId'], message: 'names no version of this workflow' }]);
  const { topicFilters } = input;
  const next = {
    ...state,
    ...compact({
      name: input.name,
      enabled: input.enabled,
      triggers: triggersOf(input.triggers, newId),
      nodes: nodesOf(input.nodes, newId),
      globals: input.globals,
    }),
    extra: extraOf(input, state.extra),
    lastUpdated: now,
  };
  if (topicFilters === null) delete next.topicFilters;
  else if (topicFilters !== undefined) next.topicFilters = topicFilters;
  if (input.defaultVersionId === null) delete next.defaultVersion;
  else if (defaultVersion !== undefined) next.defaultVersion = asDefault(defaultVersion);
  return next;
}

const listIssues = ({ flowClass, triggers, nodes }: WorkflowState): FieldIssue[] => [
  ...classIssues(flowClass, triggers),
  ...graphIssues(triggers, nodes),
];

function decide(command: WorkflowCommand, state: Present<WorkflowState>): readonly WorkflowEvent[] {
  if (command.name === 'create') {
    const created = create(command);
    refuseIf(listIssues(created));
    return [{ type: 'WorkflowCreated', state: created }];
  }
  if (state === null) throw notFound('the workflow');
  if (command.name === 'delete') return [{ type: 'WorkflowDeleted', state: null }];
  const next = update(state, command);
  if (command.input.triggers !== undefined || command.input.nodes !== undefined) refuseIf(listIssues(next));
  return changed(state, next) ? [{ type: 'WorkflowUpdated', state: next }] : [];
}

/** A workflow: triggers and the nodes they start. */
export const workflow = { initialState: null, decide, evolve } satisfies Decider<Present<WorkflowState>, WorkflowCommand, WorkflowEvent>;
