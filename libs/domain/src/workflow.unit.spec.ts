import { describe, expect, it } from 'vitest';
import type { FlowPatch, FlowPost, WorkflowState } from '#lib/contracts';
import { DomainError } from './error.ts';
import { workflow } from './workflow.ts';

const NOW = '2026-02-01T00:00:00.000Z';
function create(input: Omit<FlowPost, 'name'>): WorkflowState {
  let made = 0;
  const newId = (): string => `made${++made}`;
  const command = {
    name: 'create' as const,
    id: 'c'.repeat(24),
    applicationId: 'a'.repeat(24),
    now: NOW,
    input: { name: 'w', ...input },
    newId,
  };
  const state = workflow.decide(command, null)[0]?.state;
  if (state === null || state === undefined) throw new Error('nothing was made');
  return state;
}
const update = (state: WorkflowState, input: FlowPatch): WorkflowState | null | undefined =>
  workflow.decide({ name: 'update', now: '2026-03-01T00:00:00.000Z', input, newId: () => 'made' }, state)[0]?.state;
function issuesOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainError) return error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    throw error;
  }
  return [];
}
const node = (id: string, outputIds: string[][] = [], meta: object = {}): NonNullable<FlowPost['nodes']>[number] => ({
  id,
  type: 'DebugNode',
  outputIds,
  meta: { ...meta },
});
const loop = (id: string, outputIds: string[][]): NonNullable<FlowPost['nodes']>[number] => ({ ...node(id, outputIds), type: 'LoopNode' });
const cap = (id: string, groupId: string, changes: object = {}): NonNullable<FlowPost['nodes']>[number] => ({
  id,
  type: 'LoopCapNode',
  config: { loopNodeId: groupId },
  meta: { groupId },
  outputIds: [],
  ...changes,
});

describe('a workflow', () => {
  it('is stored as it was sent; ids of nodes and keys of triggers are made where they lack', () => {
    const state = create({
      triggers: [{ type: 'virtualButton' }, { type: 'timer', key: 'mine' }, { type: 'integration' }, { type: 'somethingElse' }],
      nodes: [{ type: 'X' }, { id: 'y', type: 'Y', config: { any: [1] } }],
      description: 'd',
    });
    expect(state.triggers.map(({ key }) => key)).toEqual(['made1', 'mine', undefined, undefined]);
    expect(state.nodes.map(({ id }) => id)).toEqual(['made2', 'y']);
    expect(state).toMatchObject({ enabled: true, flowClass: 'cloud', extra: { description: 'd' } });
  });

  it.each([
    ['an output that is no node', [node('a', [['b']])], 'nodes.0.outputIds.0.0 names no node'],
    ['a link to itself', [node('a', [[], ['a']])], 'nodes.0.outputIds.1.0 links the node to itself'],
    ['an id twice', [node('a'), node('a')], 'nodes.1.id repeats'],
    ['a circle', [node('a', [['b']]), node('b', [['c']]), node('c', [['b']])], 'nodes.2.outputIds.0.0 closes a circle'],
    [
      'a link into a loop',
      [loop('l', [[], ['in']]), node('in', [], { groupId: 'l' }), node('x', [['in']])],
      'nodes.2.outputIds.0.0 links into',
    ],
    [
      'a link out of a loop',
      [loop('l', [[], ['in']]), node('in', [['x']], { groupId: 'l' }), node('x')],
      'nodes.1.outputIds.0.0 links into or out',
    ],
    ['an end of an iteration outside of a loop', [cap('c', 'l')], 'nodes.0.meta.groupId must be the id of the loop'],
    [
      "an end of another loop's iteration",
      [loop('l', [[], ['c']]), cap('c', 'l', { config: { loopNodeId: 'm' } })],
      'nodes.1.config.loopNodeId must be the id of the loop that this node is in, l',
    ],
    [
      'a node after the end of an iteration',
      [loop('l', [[], ['c']]), cap('c', 'l', { outputIds: [['d']] }), node('d', [], { groupId: 'l' })],
      'nodes.1.outputIds must be empty',
    ],
  ])('is refused with %s, naming the place', (_, nodes, issue) => {
    expect(issuesOf(() => create({ nodes }))).toEqual([expect.stringContaining(issue)]);
  });

  it.each([
    ['integration', {}, 'experience', 'type is not valid in a workflow of the class experience'],
    ['integration', {}, 'edge', 'type is not valid in a workflow of the class edge'],
    ['timer', { seconds: 60 }, 'customNode', 'type is not valid in a workflow of the class customNode'],
    ['timer', { seconds: 0.5 }, 'cloud', 'config.seconds must be at least 1'],
  ] as const)('is refused with a trigger %s %j in the class %s', (type, config, flowClass, issue) => {
    expect(issuesOf(() => create({ flowClass, triggers: [{ type, config }] as FlowPost['triggers'] }))).toEqual([`triggers.0.${issue}`]);
  });

  it('of a class that runs on devices is kept as the devices take it', () => {
    const triggers: FlowPost['triggers'] = [{ type: 'timer', config: { seconds: 0.5 } }, { type: 'virtualButton' }, { type: 'onBoot' }];
    expect(create({ flowClass: 'embedded', triggers }).triggers).toMatchObject(triggers);
  });

  it('may have a loop whose body comes to no cap: what others made has some', () => {
    const nodes = [loop('l', [[], ['m']]), { ...loop('m', [[], ['c']]), meta: { groupId: 'l' } }, cap('c', 'm')];
    expect(create({ nodes }).nodes).toEqual(nodes);
  });

  it('gives a node with a blank id one', () => {
    expect(create({ nodes: [{ id: '', type: 'X' }] }).nodes).toEqual([{ id: 'made1', type: 'X' }]);
  });

  it('of a custom node keeps what makes it one', () => {
    const customNodeConfig: FlowPost['customNodeConfig'] = { outputCount: 1, resultMode: 'none', fields: [{ type: 'string' }] };
    expect(create({ flowClass: 'customNode', customNodeConfig, customNodeSupports: ['edge'] }).extra).toEqual({
      customNodeConfig,
      customNodeSupports: ['edge'],
    });
  });

  it('may loop by a loop node, nest loops, meet again after a branch, and draw groups that are no loops', () => {
    const nodes = [
      loop('outer', [['after'], ['inner']]),
      { ...loop('inner', [['tail'], ['body']]), meta: { groupId: 'outer' } },
      node('body', [['next']], { groupId: 'inner' }),
      cap('next', 'inner'),
      node('tail', [['break']], { groupId: 'outer' }),
      cap('break', 'outer', { outputIds: [[]] }),
      loop('skipped', [[], []]),
      node('after', [['left', 'right']]),
      node('left', [['end']], { groupId: 'only drawn' }),
      node('right', [['end']]),
      node('end'),
    ];
    expect(issuesOf(() => create({ nodes, triggers: [{ type: 'timer', outputIds: [['outer']] }] }))).toEqual([]);
    expect(issuesOf(() => create({ nodes, triggers: [{ type: 'timer', outputIds: [['body']] }] }))).toEqual([
      expect.stringContaining('triggers.0.outputIds.0.0 links into'),
    ]);
  });

  it('of thousands of nodes in a row is checked without running out of stack', () => {
    const nodes = Array.from({ length: 5_000 }, (_, n) => node(`n${n}`, n === 4_999 ? [] : [[`n${n + 1}`]]));
    expect(create({ nodes }).nodes).toHaveLength(5_000);
    nodes[4_999] = node('n4999', [['n0']]);
    expect(issuesOf(() => create({ nodes }))).toHaveLength(1);
  });

  it('changes by whole lists, keeps what is not named, and clears what is null or blank', () => {
    const state = create({
      nodes: [node('a')],
      triggers: [{ type: 'timer', outputIds: [['a']] }],
      category: 'data',
      topicFilters: {},
      docsUrl: 'u',
    });
    const next = update(state, { category: '', topicFilters: null, enabled: false });
    expect(next).toMatchObject({ enabled: false, nodes: state.nodes, triggers: state.triggers, extra: { docsUrl: 'u' } });
    expect(next).not.toHaveProperty('topicFilters');
    expect(next?.extra).not.toHaveProperty('category');
    expect(update(state, { name: 'w' })).toBeUndefined();
  });

  it('is checked as a whole: new nodes against the triggers that stay', () => {
    const state = create({ nodes: [node('a')], triggers: [{ type: 'timer', outputIds: [['a']] }] });
    expect(issuesOf(() => update(state, { nodes: [node('b')] }))).toEqual(['triggers.0.outputIds.0.0 names no node of this workflow']);
    expect(issuesOf(() => update(state, { defaultVersionId: 'd'.repeat(24) }))).toEqual([
      'defaultVersionId names no version of this workflow',
    ]);
    expect(update(state, { defaultVersionId: null })).toBeUndefined();
  });

  it('that is gone can neither change nor go again', () => {
    expect(workflow.decide({ name: 'delete' }, create({}))).toEqual([{ type: 'WorkflowDeleted', state: null }]);
    expect(() => workflow.decide({ name: 'delete' }, null)).toThrow('does not exist');
  });
});
