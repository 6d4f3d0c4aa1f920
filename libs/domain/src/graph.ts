import type { FieldIssue, NodeState, TriggerState } from '#lib/contracts';
import { enclosingLoop, loopIssues } from './loops.ts';

interface Link {
  readonly path: readonly (string | number)[];
  readonly target: string;
  readonly output: number;
}

const linksOf = (outputIds: readonly (readonly string[])[] | undefined, at: readonly (string | number)[]): Link[] =>
  (outputIds ?? []).flatMap((targets, output) =>
    targets.map((target, index) => ({ path: [...at, 'outputIds', output, index], target, output })),
  );

/** What a workflow's links may be: to nodes that exist, not to itself, within one loop, and never in a circle; and what loops need. */
export function graphIssues(triggers: readonly TriggerState[], nodes: readonly NodeState[]): FieldIssue[] {
  const issues: FieldIssue[] = [];
  const byId = new Map<string, NodeState>();
  nodes.forEach((node, index) => {
    if (byId.has(node.id)) issues.push({ path: ['nodes', index, 'id'], message: 'repeats the id of an earlier node' });
    byId.set(node.id, node);
  });
  const loopOf = enclosingLoop(nodes);
  const check = (link: Link, from: NodeState | undefined): void => {
    const to = byId.get(link.target);
    if (to === undefined) return void issues.push({ path: link.path, message: 'names no node of this workflow' });
    if (to === from) return void issues.push({ path: link.path, message: 'links the node to itself' });
    const scope = from === undefined ? undefined : from.type === 'LoopNode' && link.output === 1 ? from.id : loopOf(from);
    if (loopOf(to) !== scope) issues.push({ path: link.path, message: 'links into or out of a loop' });
  };
  triggers.forEach((trigger, index) => {
    for (const link of linksOf(trigger.outputIds, ['triggers', index])) check(link, undefined);
  });
  const links = new Map(nodes.map((node, index) => [node.id, linksOf(node.outputIds, ['nodes', index])]));
  for (const node of nodes) for (const link of links.get(node.id) ?? []) check(link, node);
  if (issues.length > 0) return issues;
  const ofLoops = loopIssues(nodes, loopOf);
  return ofLoops.length > 0 ? ofLoops : circleIssues(nodes, links);
}

/** The first link that closes a circle. Without recursion: a chain may be thousands of nodes long. */
function circleIssues(nodes: readonly NodeState[], links: ReadonlyMap<string, readonly Link[]>): FieldIssue[] {
  const done = new Set<string>();
  const open = new Set<string>();
  for (const { id } of nodes) {
    if (done.has(id)) continue;
    const path = [{ id, next: 0 }];
    open.add(id);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const link = links.get(top.id)?.[top.next++];
      if (link === undefined) {
        open.delete(top.id);
        done.add(top.id);
        path.pop();
      } else if (open.has(link.target)) return [{ path: link.path, message: 'closes a circle: a run would never end' }];
      else if (!done.has(link.target)) {
        open.add(link.target);
        path.push({ id: link.target, next: 0 });
      }
    }
  }
  return [];
}
