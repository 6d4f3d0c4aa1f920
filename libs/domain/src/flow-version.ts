import type { FlowVersionPatch, FlowVersionPost, FlowVersionState, WorkflowState } from '#lib/contracts';
import type { Decider } from '#lib/event-sourcing';
import { notFound, refuseIf } from './error.ts';
import { classIssues } from './classes.ts';
import { changed, compact, evolve, type Fact, type Present } from './fact.ts';
import { graphIssues } from './graph.ts';
import { nodesOf, triggersOf } from './made.ts';

export type FlowVersionCommand =
  | {
      readonly name: 'create';
      readonly id: string;
      readonly applicationId: string;
      readonly flowId: string;
      readonly flowClass: string;
      readonly now: string;
      /** Makes ids of nodes and keys of triggers that came without one. */
      readonly newId: () => string;
      readonly input: FlowVersionPost;
    }
  | { readonly name: 'update'; readonly now: string; readonly input: FlowVersionPatch }
  | { readonly name: 'delete' };
export type FlowVersionEvent = Fact<'FlowVersionCreated' | 'FlowVersionUpdated' | 'FlowVersionDeleted', FlowVersionState>;

function create({
  id,
  applicationId,
  flowId,
  flowClass,
  now,
  newId,
  input,
}: Extract<FlowVersionCommand, { name: 'create' }>): FlowVersionState {
  const triggers = triggersOf(input.triggers, newId) ?? [];
  const nodes = nodesOf(input.nodes, newId) ?? [];
  refuseIf([...classIssues(flowClass, triggers), ...graphIssues(triggers, nodes)]);
  const { version, notes, enabled = true, globals = [], minimumAgentVersion, customNodeConfig } = input;
  const dates = { creationDate: now, lastUpdated: now };
  return compact({
    id,
    applicationId,
    flowId,
    flowClass,
    version,
    notes,
    enabled,
    triggers,
    nodes,
    globals,
    minimumAgentVersion,
    customNodeConfig,
    ...dates,
  });
}

function decide(command: FlowVersionCommand, state: Present<FlowVersionState>): readonly FlowVersionEvent[] {
  if (command.name === 'create') return [{ type: 'FlowVersionCreated', state: create(command) }];
  if (state === null) throw notFound('the version');
  if (command.name === 'delete') return [{ type: 'FlowVersionDeleted', state: null }];
  const next = { ...state, ...compact(command.input), lastUpdated: command.now };
  return changed(state, next) ? [{ type: 'FlowVersionUpdated', state: next }] : [];
}

/** A version of a workflow: its lists are as they were made. */
export const flowVersion = { initialState: null, decide, evolve } satisfies Decider<
  Present<FlowVersionState>,
  FlowVersionCommand,
  FlowVersionEvent
>;

/** What a workflow keeps of its default version, to run by it. */
export const asDefault = ({ id, version, enabled, triggers, nodes, globals }: FlowVersionState): WorkflowState['defaultVersion'] => ({
  id,
  version,
  enabled,
  triggers,
  nodes,
  globals,
});
