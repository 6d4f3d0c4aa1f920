import type { FlowPost, NodeState, TriggerState } from '#lib/contracts';

/** Triggers that nothing outside names: the server makes their key. */
const SERVER_KEYED: ReadonlySet<string> = new Set(['virtualButton', 'timer', 'flowError']);

const withKey = (trigger: TriggerState, newId: () => string): TriggerState =>
  trigger.key === undefined && SERVER_KEYED.has(trigger.type) ? { ...trigger, key: newId() } : trigger;

/** Nodes as they are stored: each with an id. */
export const nodesOf = (nodes: FlowPost['nodes'], newId: () => string): NodeState[] | undefined =>
  nodes?.map((node): NodeState => ({ ...node, id: node.id || newId() }));

/** Triggers as they are stored: those with a key that need one. */
export const triggersOf = (triggers: FlowPost['triggers'], newId: () => string): TriggerState[] | undefined =>
  triggers?.map((trigger) => withKey(trigger, newId));
