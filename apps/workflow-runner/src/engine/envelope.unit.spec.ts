import { effective } from '#lib/contracts';
import { describe, expect, it } from 'vitest';
import { ran } from '../../../../test/builders/ran.ts';
import { node, trigger, triggered, workflow, WORKFLOW } from '../../../../test/builders/runs.ts';

const shown = [node('show', 'DebugNode', { property: '.' })];

it('a timer starts with the time it was due, and nothing else', async () => {
  const triggers = [{ type: 'timer', key: 'tick', config: { seconds: 60 }, outputIds: [['show']] }];
  const event = triggered(
    { triggerType: 'timer', triggerKey: 'tick', body: Buffer.alloc(0) },
    { type: 'timer', sourceId: WORKFLOW, sourceType: 'timer', attributes: { key: 'tick', at: 1_770_000_000_000 } },
  );
  const { debug } = await ran(workflow(shown, { triggers }), { event });
  const payload = debug[0]?.payload;
  expect(payload).toMatchObject({ data: {}, triggerType: 'timer', triggerId: 'tick', time: new Date('2026-02-03T04:05:06.007Z') });
  expect(payload).not.toHaveProperty('relayId');
});

describe('an error', () => {
  const OTHER = '0c0000000000000000000002';
  const errorInfo = { error: { name: 'ThrowError', message: 'no' }, nodeId: 'n', nodeType: 'ThrowErrorNode' };
  const heard = (flowId: string, scopes: string[]) => {
    const triggers = scopes.map((scope) => ({ type: 'flowError', key: scope, config: { scope }, outputIds: [[scope]] }));
    const nodes = scopes.map((id) => node(id, 'DebugNode', { message: id, property: '.' }));
    const attributes = {
      flowClass: 'cloud',
      errorInfo,
      erroredPayload: { data: 1 },
      relayId: flowId,
      relayType: 'flow',
      key: `${flowId}-flowError`,
    };
    const event = triggered(
      { triggerType: 'flowError', triggerKey: `${flowId}-flowError`, body: Buffer.alloc(0) },
      { type: 'flowError', sourceId: flowId, sourceType: 'flowError', attributes },
    );
    return ran(workflow(nodes, { triggers }), { event });
  };

  it('starts the triggers whose scope it is in, the narrowest first, with what failed where', async () => {
    const { debug } = await heard(WORKFLOW, ['global', 'experience', 'local', 'cloud']);
    expect(debug.map(({ message }) => message)).toEqual(['local', 'cloud', 'global']);
    expect(debug[0]?.payload).toMatchObject({
      data: { errorInfo, erroredPayload: { data: 1 } },
      triggerType: 'flowError',
      triggerId: `${WORKFLOW}-flowError`,
      relayId: WORKFLOW,
      relayType: 'flow',
    });
  });

  it('of another workflow starts no local trigger', async () => {
    const { debug } = await heard(OTHER, ['local', 'cloud']);
    expect(debug.map(({ message }) => message)).toEqual(['cloud']);
    expect((await heard(OTHER, ['local'])).result.error).toMatchObject({ name: 'TriggerNotFound' });
  });

  it('comes with the payload as it was where it happened', async () => {
    const nodes = [
      node('set', 'MutateNode', { rules: [{ type: 'set', valueTemplate: '7', destination: 'working.seen' }] }, ['throw']),
      node('throw', 'ThrowErrorNode', { messageTemplate: 'no' }),
    ];
    const { result } = await ran(workflow(nodes, { triggers: [trigger(['set'])] }));
    expect(result).toMatchObject({ error: { nodeId: 'throw' }, payload: { working: { seen: '7' } } });
  });
});

it('a run says which version of its workflow it is of, and nothing where it runs by its own lists', async () => {
  const show = (id: string) => [node(id, 'DebugNode', { message: id, property: '.' })];
  const state = workflow(show('own'), {
    defaultVersion: {
      id: '0f0000000000000000000001',
      version: 'v1',
      enabled: true,
      triggers: [trigger(['v1'])],
      nodes: show('v1'),
      globals: [],
    },
  });
  const { debug } = await ran(effective(state));
  expect(debug).toMatchObject([{ message: 'v1', payload: { flowVersion: 'v1' } }]);
  const own = await ran(effective(workflow(show('own'))));
  expect(own.debug[0]?.payload).not.toHaveProperty('flowVersion');
});
