import type { TriggerState, WorkflowState } from '#lib/contracts';
import { errorScopeOf } from '#lib/domain';
import type { z } from 'zod';
import { NodeError } from './errors.ts';
import type { NodeAction, NodeType } from './node.ts';
import { nodeTypes } from './nodes/registry.ts';

export interface CompiledNode {
  readonly id: string;
  readonly type: string;
  readonly action: NodeAction;
  /** The nodes of each output. */
  outputs: readonly (readonly CompiledNode[])[];
}

/** A version of a workflow, ready to run. Costs milliseconds for a large one: made once per version. */
export interface CompiledWorkflow {
  readonly state: WorkflowState;
  /** A run of it keeps a record: one of its nodes needs it. */
  readonly recorded: boolean;
  /** The nodes that an event starts, and the trigger it came by; undefined when no trigger of the workflow matches any more. Of an error: key ''. */
  started(triggerType: string, key: string, event: string): Started | undefined;
}
export interface Started {
  readonly trigger: TriggerState;
  readonly nodes: readonly CompiledNode[];
}

/**
 * Never throws: a node that can't run (an unknown type, a wrong config, a link to nowhere) fails the runs that reach it, naming the node and the field; the
 * others go on working.
 */
export function compileWorkflow(state: WorkflowState): CompiledWorkflow {
  const nodes = new Map<string, CompiledNode>();
  for (const { id, type, config = {}, meta = {} } of state.nodes)
    nodes.set(id, { id, type, action: actionOf(type, config, meta), outputs: [] });
  const linked = (ids: readonly string[], from: string): CompiledNode[] =>
    ids.map((id) => nodes.get(id) ?? broken(id, '?', new NodeError('NodeNotFound', `${from} leads to node ${id}, which does not exist`)));
  for (const { id, outputIds } of state.nodes) {
    const node = nodes.get(id);
    if (node !== undefined && outputIds !== undefined) node.outputs = outputIds.map((ids) => linked(ids, `node ${id}`));
  }

  const started = new Map<string, Started>();
  for (const trigger of state.triggers) {
    const targets = linked(trigger.outputIds?.flat() ?? [], `trigger ${trigger.key ?? trigger.type}`);
    for (const event of eventsOf(trigger)) {
      const name = startName(trigger.type, trigger.type === 'flowError' ? '' : (trigger.key ?? ''), event);
      const before = started.get(name);
      started.set(name, { trigger: before?.trigger ?? trigger, nodes: [...(before?.nodes ?? []), ...targets] });
    }
  }
  const recorded = state.nodes.some(({ type }) => nodeTypes.get(type)?.recorded === true);
  return { state, recorded, started: (type, key, event) => started.get(startName(type, key, event)) };
}

const startName = (type: string, key: string, event: string): string => `${type} ${event} ${key}`;

const INTEGRATION_EVENTS = ['message', 'connect', 'disconnect', 'failure'];

/** What starts a trigger: of an integration what its switches say (`message` unless switched off, the others when switched on), of an error its scope. */
function eventsOf(trigger: TriggerState): readonly string[] {
  const { type, config } = trigger;
  if (type === 'flowError') return [errorScopeOf(trigger)];
  return type === 'integration' ? INTEGRATION_EVENTS.filter((event) => (config?.[event] ?? event === 'message') === true) : [''];
}

const throwing = (error: NodeError) => (): never => {
  throw error;
};
const broken = (id: string, type: string, error: NodeError): CompiledNode => ({ id, type, action: throwing(error), outputs: [] });

function actionOf(type: string, config: Record<string, unknown>, meta: Record<string, unknown>): NodeAction {
  const nodeType: NodeType | undefined = nodeTypes.get(type);
  if (nodeType === undefined) return throwing(new NodeError('UnknownNodeType', `nodes of type ${type} can't run here`));
  const parsed = nodeType.config.safeParse(config);
  if (!parsed.success) return throwing(new NodeError('InvalidNode', parsed.error.issues.map(described).join('; ')));
  try {
    return nodeType.action(parsed.data, meta);
  } catch (error) {
    if (error instanceof NodeError) return throwing(error);
    throw error;
  }
}

const described = ({ path, message }: z.core.$ZodIssue): string => (path.length === 0 ? message : `${path.join('.')}: ${message}`);
