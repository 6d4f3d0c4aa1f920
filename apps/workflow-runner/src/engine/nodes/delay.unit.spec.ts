import { expect, it } from 'vitest';
import { node, trigger, workflow } from '../../../../../test/builders/runs.ts';
import { ran } from '../../../../../test/builders/ran.ts';

const waits = (config: Record<string, unknown>): Promise<unknown> =>
  ran(workflow([node('wait', 'DelayNode', config, ['out']), node('out', 'DebugNode', {})])).then(({ delays, debug, result }) =>
    result.status === 'failed' ? result.error : { delays, went: debug.length },
  );

it('waits for the seconds that its template says, under the id of the visit', async () => {
  const gone = (ms: number): unknown => ({ delays: [{ id: 'run-1:wait:0', ms }], went: 1 });
  expect(await waits({ delay: '1.5' })).toEqual(gone(1_500));
  expect(await waits({ delay: '{{data.message}}' })).toEqual(gone(21_500));
  expect(await waits({ durationTemplate: ' 59 ' })).toEqual(gone(59_000));
});

it.each([
  ['60', 'InvalidDelay', 'delay came out as 60 s: it must be at most 59'],
  ['soon', 'InvalidDelay', 'delay came out as "soon": it must be a number of seconds'],
  ['-1', 'InvalidDelay', 'delay came out as "-1": it must be a number of seconds'],
  [' ', 'InvalidDelay', 'delay came out as "": it must be a number of seconds'],
  ['{{working.none}}', 'RequiredTemplate', 'delay came out empty'],
])('refuses %j as a delay', async (delay, name, message) => {
  expect(await waits({ delay })).toEqual({ name, message, nodeId: 'wait', nodeType: 'DelayNode' });
});

it('has to say how long', async () => {
  expect(await waits({})).toMatchObject({ name: 'InvalidNode', message: 'delay: is required' });
});

it('in the body of a loop has an id for each iteration', async () => {
  const nodes = [
    node('loop', 'LoopNode', { loopSourcePath: 'working.items', currentItemPath: 'working.item' }, [], ['wait']),
    { ...node('wait', 'DelayNode', { delay: '1' }, ['cap']), meta: { groupId: 'loop' } },
    { ...node('cap', 'LoopCapNode', { loopNodeId: 'loop' }), meta: { groupId: 'loop', name: 'loop-next' } },
    node(
      'set',
      'MutateNode',
      { rules: [{ type: 'set', valueTemplate: '[1,2]', valueTemplateType: 'json', destination: 'working.items' }] },
      ['loop'],
    ),
  ];
  const { delays, result } = await ran(workflow(nodes, { triggers: [trigger(['set'])] }));
  expect(result.error).toBeUndefined();
  expect(delays.map(({ id }) => id)).toEqual(['run-1:wait:0[0]', 'run-1:wait:0[1]']);
});
