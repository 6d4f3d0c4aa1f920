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

/** A cap ends iterations of the loop that it is in, and leads nowhere; a loop's body has one at least. */
export function loopIssues(nodes: readonly NodeState[], loopOf: LoopOf): FieldIssue[] {
  const capped = new Set(nodes.flatMap((node) => (node.type === 'LoopCapNode' ? (loopOf(node) ?? []) : [])));
  return nodes.flatMap((node, index): FieldIssue[] => {
    if (node.type === 'LoopCapNode') return capIssues(node, loopOf(node), ['nodes', index]);
    const [, body = []] = node.outputIds ?? [];
    if (node.type !== 'LoopNode' || body.length === 0 || capped.has(node.id)) return [];
    return [{ path: ['nodes', index, 'outputIds', 1], message: 'leads into a body that has no LoopCapNode to end an iteration' }];
  });
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
