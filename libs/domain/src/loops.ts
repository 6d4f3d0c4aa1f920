import type { FieldIssue, NodeState } from '#lib/contracts';

type LoopOf = (node: NodeState) => string | undefined;

/** Tells the loop whose body a node is in, by `meta.groupId`; a group that is no loop's is only drawn. */
export function enclosingLoop(nodes: readonly NodeState[]): LoopOf {
  const loops = new Set(nodes.filter(({ type }) => type === 'LoopNode').map(({ id }) => id));
  return ({ meta }) => {
    const group = meta?.['groupId'];
    return typeof group === 'string' && loops.has(group) ? group : undefined;
  };
}

/** A cap ends iterations of the loop that it is in, and leads nowhere. A body without one is run all the same: it carries nothing on. */
export function loopIssues(nodes: readonly NodeState[], loopOf: LoopOf): FieldIssue[] {
  return nodes.flatMap((node, index) => (node.type === 'LoopCapNode' ? capIssues(node, loopOf(node), ['nodes', index]) : []));
}

function capIssues({ config, outputIds = [] }: NodeState, loop: string | undefined, path: readonly (string | number)[]): FieldIssue[] {
  if (loop === undefined) return [{ path: [...path, 'meta', 'groupId'], message: 'must be the id of the loop that this node is in' }];
  const issues: FieldIssue[] = [];
  if (config?.['loopNodeId'] !== loop)
    issues.push({ path: [...path, 'config', 'loopNodeId'], message: `must be the id of the loop that this node is in, ${loop}` });
  if (outputIds.flat().length > 0)
    issues.push({ path: [...path, 'outputIds'], message: 'must be empty: nothing follows the end of an iteration' });
  return issues;
}
