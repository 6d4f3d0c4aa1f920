import type { NodeState } from '#lib/contracts';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Given, type Ran, ran } from '../../../../../test/builders/ran.ts';
import { INTEGRATION, node, triggered, workflow } from '../../../../../test/builders/runs.ts';

const within = (groupId: string, made: NodeState): NodeState => ({ ...made, meta: { ...made.meta, groupId } });
const cap = (id: string, config: Record<string, unknown> = {}, loopId = 'l', name = 'loop-next'): NodeState =>
  within(loopId, { id, type: 'LoopCapNode', config: { loopNodeId: loopId, ...config }, meta: { category: 'loop', name }, outputIds: [] });
const loop = (config: Record<string, unknown>, body = ['in'], id = 'l', after = ['see']): NodeState =>
  node(id, 'LoopNode', { loopSourcePath: 'data.source', currentItemPath: 'working.item', ...config }, after, body);
const json = (id: string, value: string, destination: string, ...next: string[]): NodeState =>
  node(id, 'MutateNode', { rules: [{ type: 'set', valueTemplateType: 'json', valueTemplate: value, destination }] }, next);
const math = (id: string, expression: string, resultPath: string, ...next: string[]): NodeState =>
  node(id, 'MathNode', { statements: [{ expression, resultPath }] }, next);
const mqtt = (id: string, topicTemplate: string, ...next: string[]): NodeState =>
  node(id, 'MqttMessageNode', { integrationId: INTEGRATION, topicTemplate, messageTemplate: 'm' }, next);
const see = (id = 'see', property = 'working'): NodeState => node(id, 'DebugNode', { property });

/** Loops over `source` with these nodes; the first Debug node of a body is called `item`. */
const looped = (source: unknown, nodes: NodeState[], given: Given = {}): Promise<Ran> =>
  ran(workflow([node('decode', 'JsonDecodeNode', { source: 'data.message', destination: 'data.source' }, ['l']), ...nodes, see()]), {
    event: triggered({ body: Buffer.from(JSON.stringify(source)) }),
    ...given,
  });
const at = ({ debug }: Ran, id: string): unknown[] => debug.filter(({ nodeId }) => nodeId === id).map(({ payload }) => payload);
const after = (made: Ran): unknown => {
  expect(made.result.error).toBeUndefined();
  return at(made, 'see')[0];
};

const show: NodeState[] = [within('l', node('in', 'DebugNode', { property: 'working.item' }, ['next'])), cap('next')];

describe('a loop', () => {
  it.each<[string, unknown, unknown[]]>([
    [
      'the entries of a list',
      ['a', { b: 1 }],
      [
        { value: 'a', index: 0, first: true },
        { value: { b: 1 }, index: 1, last: true },
      ],
    ],
    [
      'the characters of a text',
      'é🙂',
      [
        { value: 'é', index: 0, first: true },
        { value: '🙂', index: 1, last: true },
      ],
    ],
    [
      'a number rounded up',
      2.1,
      [
        { value: 0, index: 0, first: true },
        { value: 1, index: 1 },
        { value: 2, index: 2, last: true },
      ],
    ],
    ['a number below zero', -1, [{ value: 0, index: 0, first: true, last: true }]],
    [
      'the fields of an object',
      { x: 7, y: null },
      [
        { value: 7, key: 'x', index: 0, first: true },
        { value: null, key: 'y', index: 1, last: true },
      ],
    ],
    ['nothing where there is nothing', null, []],
    ['nothing for true', true, []],
  ])('runs over %s', async (_, source, items) => {
    const made = await looped(source, [loop({}), ...show]);
    expect(at(made, 'in')).toEqual(items);
    expect(at(made, 'see')).toHaveLength(1);
  });

  it('may run 262,144 times, and not once more', async () => {
    const made = await looped(262_144, [
      loop({ mapResultPath: 'working.all' }, ['next']),
      cap('next', { mapValuePath: 'working.item.index' }),
    ]);
    const { all } = after(made) as { all: number[] };
    expect(all).toHaveLength(262_144);
    expect(all.every((value, index) => value === index)).toBe(true);
    for (const source of [262_145, 'x'.repeat(262_145), 'x'.repeat(600_000)])
      expect((await looped(source, [loop({}), ...show])).result.error).toMatchObject({ name: 'LoopTooLarge', nodeId: 'l' });
  });

  it('without a body goes on at once', async () => {
    expect(after(await looped([1, 2], [loop({ mapResultPath: 'working.all' }, [])]))).toEqual({ all: [] });
  });

  it('gives each iteration 1,000 node visits', async () => {
    const bodies = Array.from({ length: 997 }, (_, n) => within('l', node(`b${n}`, 'DebugNode', {}, [n === 996 ? 'next' : `b${n + 1}`])));
    const ok = await looped([1, 2], [loop({}, ['b0']), ...bodies, cap('next')]);
    expect(ok.result.error).toBeUndefined();
    const twice = [within('l', node('in', 'DebugNode', {}, ['b0', 'b0']))];
    expect((await looped([1], [loop({}), ...twice, ...bodies, cap('next')])).result.error).toMatchObject({ name: 'TooManyNodes' });
  });

  it('sends under an id of its own in each iteration, the same in every attempt', async () => {
    const nodes = [
      loop({ currentItemPath: 'working.outer', parallel: true }, ['inner']),
      within('l', loop({ loopSourcePath: 'working.outer.value' }, ['in'], 'inner', ['next'])),
      within('inner', node('in', 'DebugNode', {}, ['send', 'send2'])),
      within('inner', mqtt('send', '{{working.item.value}}', 'innerNext')),
      within('inner', mqtt('send2', 'x')),
      cap('innerNext', {}, 'inner'),
      cap('next'),
    ];
    const slow = (when: (id: string) => boolean): Given => ({
      reply: async ({ id }) => {
        if (when(id)) await new Promise((resolve) => setTimeout(resolve, 3));
        return { verdict: 'succeeded' };
      },
    });
    const source = [['a', 'b'], ['c']];
    const first = await looped(
      source,
      nodes,
      slow((id) => id.includes('[0][')),
    );
    const second = await looped(
      source,
      nodes,
      slow((id) => id.includes('[1][')),
    );
    const ids = (made: Ran): string[] => made.sent.map(({ id, options }) => `${id} ${String(options['topic'])}`).sort();
    expect(ids(first)).toEqual([
      'run-1:send2:0[0][0].1 x',
      'run-1:send2:0[0][1].1 x',
      'run-1:send2:0[1][0].1 x',
      'run-1:send:0[0][0].0 a',
      'run-1:send:0[0][1].0 b',
      'run-1:send:0[1][0].0 c',
    ]);
    expect(ids(second)).toEqual(ids(first));
  });

  it('lets the event loop turn while it works', async () => {
    let turns = 0;
    const count = (): void => void (turns++, (timer = setImmediate(count)));
    let timer = setImmediate(count);
    const made = await looped(50_000, [loop({}, ['next']), cap('next')]);
    clearImmediate(timer);
    expect(made.result.error).toBeUndefined();
    expect(turns).toBeGreaterThan(3);
  });

  it('ends when the time of its run is over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const nodes = [
      loop({ parallel: true }, ['inner']),
      within('l', loop({}, ['in'], 'inner', ['next'])),
      within('inner', node('in', 'DebugNode', { property: 'working.item' }, ['innerNext'])),
      cap('innerNext', {}, 'inner'),
      cap('next'),
    ];
    let seen = 0;
    const endless = looped(262_144, nodes, { onDebug: () => seen++ });
    await expect.poll(() => seen, { interval: 0 }).toBeGreaterThan(0);
    vi.advanceTimersByTime(60_000);
    expect((await endless).result.error).toMatchObject({ name: 'WorkflowTimeout' });
    const before = seen;
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toBe(before);
  });

  it('refuses a cap that stands in no body, or names another loop', async () => {
    expect((await ran(workflow([cap('c')]))).result.error).toMatchObject({ name: 'InvalidNode', nodeId: 'c' });
    const made = await looped([1], [loop({}, ['c']), { ...cap('c'), config: { loopNodeId: 'other' } }]);
    expect(made.result.error).toMatchObject({ name: 'InvalidNode', nodeId: 'c', message: expect.stringContaining('loopNodeId') as string });
  });
});

describe('a loop, one after the other', () => {
  const sum = within('l', math('in', '{{working.sum}} + {{working.item.value}}', 'working.sum', 'end'));

  it('carries the payload from cap to cap, and past the loop', async () => {
    const nodes = [json('l0', '{"sum": 1}', 'working', 'l'), loop({}), sum, cap('end')];
    const flow = [json('set', '[1, 2, 3]', 'data.source', 'l0'), ...nodes, see()];
    expect(after(await ran(workflow(flow)))).toEqual({ sum: 7, item: { value: 3, index: 2, last: true } });
  });

  it('carries nothing from an iteration that comes to no cap; its value is undefined', async () => {
    const nodes = [
      loop({ mapResultPath: 'working.all', mapValuePath: 'working.item.value' }, ['in']),
      within('l', math('in', '{{working.item.value}} * 10', 'working.last', 'if')),
      within('l', node('if', 'ConditionalNode', { expression: '{{working.item.value}} === 2' }, ['end'], [])),
      cap('end'),
    ];
    expect(after(await looped([1, 2, 3], nodes))).toMatchObject({ all: [1, undefined, 3], last: 30 });
    expect(after(await looped([1, 2], nodes))).toMatchObject({ all: [1, undefined], last: 10 });
  });

  it('ends at a break, once that iteration has ended, with its value', async () => {
    const nodes = [
      loop({ mapResultPath: 'working.all', mapValuePath: 'working.item.value' }, ['if', 'send']),
      within('l', node('if', 'ConditionalNode', { expression: '{{working.item.value}} < 2' }, ['stop'], ['next'])),
      within('l', mqtt('send', '{{working.item.value}}')),
      cap('next'),
      cap('stop', { mapValuePath: 'working.item.index' }, 'l', 'loop-break'),
    ];
    const made = await looped([1, 2, 3], nodes);
    expect(after(made)).toMatchObject({ all: [1, 1] });
    expect(made.sent.map(({ options }) => options['topic'])).toEqual(['1', '2']);
    const plain = [...nodes.slice(0, -1), cap('stop', { shouldBreak: true })];
    expect(after(await looped([2, 3], plain))).toMatchObject({ all: [2] });
  });

  it('takes the first cap that an iteration comes to', async () => {
    const nodes = [
      loop({ mapResultPath: 'working.all' }, ['slow', 'quick']),
      within('l', mqtt('slow', 'x', 'late')),
      within('l', json('quick', '"quick"', 'working.way', 'early', 'then')),
      cap('early', { mapValuePath: 'working.way' }),
      within('l', see('then')),
      cap('late', { mapValuePath: 'working.item' }),
    ];
    let answer = (): void => undefined;
    const reply: Given['reply'] = () => new Promise((resolve) => (answer = () => resolve({ verdict: 'succeeded' })));
    const made = await looped([1, 2], nodes, { reply, onDebug: () => answer() });
    expect(after(made)).toMatchObject({ all: ['quick', 'quick'], way: 'quick' });
  });

  it('ends the run at the first error, naming the node in its body', async () => {
    const nodes = [
      loop({}, ['if']),
      within('l', node('if', 'ConditionalNode', { expression: '{{working.item.value}} === 2' }, ['next'], ['bad'])),
      within('l', node('bad', 'ThrowErrorNode', { messageTemplate: 'at {{working.item.value}}' })),
      within('l', node('next', 'DebugNode', { property: 'working.item.value' }, ['end'])),
      cap('end'),
    ];
    const made = await looped([1, 2, 3], nodes);
    expect(made.result.error).toEqual({ name: 'ThrowError', message: 'at 2', nodeId: 'bad', nodeType: 'ThrowErrorNode' });
    expect(at(made, 'next')).toEqual([1]);
  });

  it('may be nested, each loop with its own item, caps and values', async () => {
    const nodes = [
      loop({ currentItemPath: 'working.row', mapResultPath: 'working.rows', mapValuePath: 'working.cells' }, ['inner']),
      within('l', loop({ loopSourcePath: 'working.row.value', mapResultPath: 'working.cells' }, ['double'], 'inner', ['next'])),
      within('inner', math('double', '{{working.item.value}} * 2', 'working.double', 'innerNext')),
      cap('innerNext', { mapValuePath: 'working.double' }, 'inner'),
      cap('next'),
    ];
    expect(after(await looped([[1, 2], [3]], nodes))).toMatchObject({ rows: [[2, 4], [6]], row: { index: 1 } });
  });

  it('may carry a payload of 5 MB at most', async () => {
    const grow = within(
      'l',
      node(
        'in',
        'MutateNode',
        { rules: [{ type: 'set', valueTemplate: '{{working.text}}{{data.source}}', destination: 'working.text' }] },
        ['end'],
      ),
    );
    const made = await looped('x'.repeat(4_000), [loop({}), grow, cap('end')]);
    expect(made.result.error).toMatchObject({ name: 'PayloadTooLarge', nodeId: 'in' });
  });
});

describe('a loop in parallel', () => {
  const parallel = (config: Record<string, unknown> = {}): Record<string, unknown> => ({ parallel: true, ...config });

  it('runs five iterations at once, each with the payload that came, and keeps their values in order', async () => {
    let [now, most] = [0, 0];
    const reply: Given['reply'] = async ({ id }) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, id.includes('[0]') ? 9 : 1));
      now--;
      return { verdict: 'succeeded' };
    };
    const nodes = [
      loop(parallel({ mapResultPath: 'working.all', mapValuePath: 'working.sum' }), ['send']),
      within('l', mqtt('send', 'x', 'sum')),
      within('l', math('sum', '{{data.source.[0]}} + {{working.item.value}}', 'working.sum', 'end')),
      cap('end', {}, 'l', 'loop-break'),
    ];
    const made = await looped([1, 2, 3, 4, 5, 6, 7, 8], nodes, { reply });
    expect(after(made)).toEqual({ all: [2, 3, 4, 5, 6, 7, 8, 9] });
    expect(most).toBe(5);
  });

  it('runs all iterations before an error of theirs ends the run: that of the first item', async () => {
    const nodes = [
      loop(parallel(), ['send']),
      within('l', mqtt('send', '{{working.item.value}}', 'if')),
      within('l', node('if', 'ConditionalNode', { expression: '{{working.item.value}} > 2' }, ['end'], ['bad'])),
      within('l', node('bad', 'ThrowErrorNode', { messageTemplate: 'at {{working.item.value}}' })),
      cap('end'),
    ];
    const reply: Given['reply'] = async ({ options }) => {
      if (options['topic'] === '3') await new Promise((resolve) => setTimeout(resolve, 9));
      return { verdict: 'succeeded' };
    };
    const made = await looped([1, 3, 4, 1, 1, 1, 1], nodes, { reply });
    expect(made.result.error).toEqual({ name: 'ThrowError', message: 'at 3', nodeId: 'bad', nodeType: 'ThrowErrorNode' });
    expect(made.sent).toHaveLength(7);
    expect(at(made, 'see')).toEqual([]);
  });

  it('may gather values of 5 MB at most, and stops when they are more', async () => {
    const template = 'x{{data.source.[0]}}';
    const text = within(
      'l',
      node('in', 'MutateNode', { rules: [{ type: 'set', valueTemplate: template, destination: 'working.text' }] }, ['show']),
    );
    const source = ['x'.repeat(100_000), ...Array.from({ length: 200 }, () => 0)];
    const nodes = [
      loop(parallel({ mapResultPath: 'working.all', mapValuePath: 'working.text' })),
      text,
      within('l', node('show', 'DebugNode', { property: 'working.item.index' }, ['end'])),
      cap('end'),
    ];
    const made = await looped(source, nodes);
    expect(made.result.error).toMatchObject({ name: 'PayloadTooLarge', nodeId: 'l' });
    expect(at(made, 'show').length).toBeLessThan(100);
  });
});
