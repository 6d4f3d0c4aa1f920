import type { NodeState, TriggeredEvent } from '#lib/contracts';
import { describe, expect, it } from 'vitest';
import {
  application,
  APPLICATION,
  integration,
  INTEGRATION,
  node,
  trigger,
  triggered,
  workflow,
  WORKFLOW,
} from '../../../../test/builders/runs.ts';
import { type Given, ran } from '../../../../test/builders/ran.ts';
import type { Output, OutputReply } from './index.ts';

const see = (id = 'see'): NodeState => node(id, 'DebugNode', {});
const set = (id: string, valueTemplate: string, destination: string, ...next: string[]): NodeState =>
  node(id, 'MutateNode', { rules: [{ type: 'set', valueTemplate, destination }] }, next);
const mqtt = (id: string, config: Record<string, unknown> = {}, ...next: string[]): NodeState =>
  node(id, 'MqttMessageNode', { integrationId: INTEGRATION, topicTemplate: 'out', messageTemplate: '{{data.message}}', ...config }, next);

/** The payload that the run's only Debug node saw. */
const seen = async (nodes: NodeState[], given: Given = {}): Promise<unknown> => {
  const { result, debug } = await ran(workflow(nodes), given);
  expect(result.error).toBeUndefined();
  return debug[0]?.payload;
};

describe('the envelope of a run', () => {
  it('carries what started it, and the globals that are not secret, the workflow winning', async () => {
    const state = application({
      globals: [
        { key: 'unit', json: '"C"' },
        { key: 'limit', json: '5' },
        { key: 'key', json: { $sealed: 'x' } },
        { key: 'marked', json: '"canary"' },
      ],
      secretGlobals: ['key', 'marked'],
    });
    const { debug } = await ran(workflow([see()], { globals: [{ key: 'unit', json: '"F"' }] }), { state });
    expect(debug[0]?.payload).toEqual({
      time: new Date('2026-02-03T04:05:06.007Z'),
      data: expect.objectContaining({ topic: 'in/a', type: 'message' }) as unknown,
      applicationId: APPLICATION,
      applicationName: 'Plant',
      flowId: WORKFLOW,
      flowName: 'Convert',
      globals: { unit: 'F', limit: 5 },
      relayId: INTEGRATION,
      relayType: 'integration',
      triggerId: INTEGRATION,
      triggerType: 'integration',
    });
  });

  it('has what an integration said of its connection as data', async () => {
    const flow = workflow([see()], { triggers: [trigger(['see'], { config: { message: false, disconnect: true } })] });
    const event = triggered({ body: new Uint8Array(0) }, { type: 'disconnect', attributes: { disconnectReason: 'Connection Lost' } });
    const { debug } = await ran(flow, { event });
    expect(debug[0]?.payload).toMatchObject({ data: { type: 'disconnect', disconnectReason: 'Connection Lost' } });
  });

  it('has what was sent with a press as data, else what the button holds', async () => {
    const flow = workflow([see()], {
      triggers: [trigger(['see'], { type: 'virtualButton', key: 'b1', config: {}, meta: { payload: '{"from":"button"}' } })],
    });
    const press = (attributes: Record<string, unknown>): TriggeredEvent =>
      triggered(
        { triggerType: 'virtualButton', triggerKey: 'b1', body: new Uint8Array(0) },
        { type: 'press', sourceId: WORKFLOW, sourceType: 'virtualButton', attributes: { key: 'b1', ...attributes } },
      );
    const sent = await ran(flow, { event: press({ payload: [1], relayId: 'u1', relayType: 'apiToken' }) });
    expect(sent.debug[0]?.payload).toMatchObject({ data: [1], relayId: 'u1', relayType: 'apiToken', triggerId: 'b1' });
    const held = await ran(flow, { event: press({}) });
    expect(held.debug[0]?.payload).toMatchObject({ data: { from: 'button' } });
    expect(held.debug[0]?.payload).not.toHaveProperty('relayId');
  });

  it('fails by name when the workflow or its trigger is gone', async () => {
    const { result } = await ran(workflow([see()], { triggers: [] }));
    expect(result).toMatchObject({ status: 'failed', error: { name: 'TriggerNotFound' } });
  });
});

describe('paths', () => {
  it('get the payload as it stood at the fan-out, and change their own', async () => {
    const nodes = [
      node('start', 'MutateNode', { rules: [] }, ['a', 'b']),
      set('a', 'A', 'working.x', 'seeA'),
      set('b', 'B', 'working.y', 'seeB'),
      see('seeA'),
      see('seeB'),
    ];
    const { debug } = await ran(workflow(nodes));
    expect(debug.map(({ payload }) => (payload as { working: unknown }).working)).toEqual([{ x: 'A' }, { y: 'B' }]);
  });

  it('run in list order until they wait', async () => {
    const nodes = [node('start', 'MutateNode', {}, ['one', 'two']), see('one'), mqtt('two', {}, 'after'), see('after')];
    nodes[1] = node('one', 'DebugNode', { message: 'one' }, ['deep']);
    nodes.push(node('deep', 'DebugNode', { message: 'deep' }));
    nodes[3] = node('after', 'DebugNode', { message: 'after' });
    const { debug } = await ran(workflow(nodes));
    expect(debug.map(({ message }) => message)).toEqual(['one', 'deep', 'after']);
  });

  it('name their outputs the same in every attempt, whatever ends first', async () => {
    const nodes = [node('start', 'MutateNode', {}, ['a', 'b']), mqtt('a', {}, 'c'), mqtt('b', {}, 'c'), mqtt('c')];
    const slowly = (slow: string) => async (output: Output) => {
      if (output.id.includes(slow)) await new Promise((resolve) => setTimeout(resolve, 5));
      return { verdict: 'succeeded' as const };
    };
    const first = await ran(workflow(nodes), { reply: slowly(':a:') });
    const second = await ran(workflow(nodes), { reply: slowly(':b:') });
    const ids = first.sent.map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(['run-1:a:0.0', 'run-1:b:0.1', 'run-1:c:0.0', 'run-1:c:0.1']));
    expect(new Set(second.sent.map(({ id }) => id))).toEqual(new Set(ids));
  });

  it('all halt at the first throw', async () => {
    const nodes = [
      node('start', 'MutateNode', {}, ['wait', 'bad']),
      mqtt('wait', {}, 'never'),
      node('bad', 'ThrowErrorNode', { messageTemplate: 'no {{data.topic}}' }),
      see('never'),
    ];
    let answer: (() => void) | undefined;
    const reply = (): Promise<OutputReply> => new Promise((resolve) => (answer = () => resolve({ verdict: 'succeeded' })));
    const { result, debug } = await ran(workflow(nodes), { reply });
    expect(result).toMatchObject({
      status: 'failed',
      error: { name: 'ThrowError', message: 'no in/a', nodeId: 'bad', nodeType: 'ThrowErrorNode' },
    });
    answer?.();
    await new Promise(setImmediate);
    expect(answer).toBeDefined();
    expect(debug).toEqual([]);
  });

  it('may visit a thousand nodes, and no more', async () => {
    const loop = workflow([node('a', 'MutateNode', {}, ['b']), node('b', 'MutateNode', {}, ['a'])]);
    expect((await ran(loop)).result.error).toMatchObject({ name: 'TooManyNodes' });
  });

  it('may not make the payload larger than 5 MB', async () => {
    const double = ['a', 'b'].map((name) => ({ type: 'copy', source: 'working', destination: `working.${name}` }));
    const nodes = [
      node('a', 'MutateNode', {
        rules: [{ type: 'set', valueTemplate: 'x', destination: 'working.x' }, ...Array.from({ length: 40 }, () => double).flat()],
      }),
    ];
    expect((await ran(workflow(nodes))).result.error).toMatchObject({ name: 'PayloadTooLarge', nodeId: 'a' });
    const large = triggered({ body: Buffer.alloc(6 * 1024 * 1024, 'x') });
    expect((await ran(workflow([see()]), { event: large })).result.error).toMatchObject({ name: 'PayloadTooLarge' });
  });

  it('fail by name where a node is of a type that does not run here, and only there', async () => {
    const nodes = [
      node('if', 'ConditionalNode', { expression: '{{data.topic}} === "in/b"' }, ['ok'], ['odd']),
      see('ok'),
      node('odd', 'TeleportNode'),
    ];
    expect((await ran(workflow(nodes))).result.status).toBe('succeeded');
    const { result } = await ran(workflow(nodes), { event: triggered({}, { attributes: { topic: 'in/b' } }) });
    expect(result.error).toEqual({
      name: 'UnknownNodeType',
      message: "nodes of type TeleportNode can't run here",
      nodeId: 'odd',
      nodeType: 'TeleportNode',
    });
  });

  it('fail where a node is configured wrongly, naming the field', async () => {
    const { result } = await ran(workflow([node('m', 'MqttMessageNode', { integrationId: INTEGRATION, qos: 3 })]));
    expect(result.error).toMatchObject({ name: 'InvalidNode', nodeId: 'm' });
    expect(result.error?.message).toContain('topicTemplate: is required');
    expect(result.error?.message).toContain('qos: must be 0, 1 or 2');
  });
});

describe('Mutate', () => {
  const working = async (rules: unknown[]): Promise<unknown> =>
    ((await seen([node('m', 'MutateNode', { rules }, ['see']), see()])) as { working: unknown }).working;

  it('sets text, and keeps the type of one lone reference', async () => {
    expect(
      await working([
        { type: 'set', valueTemplateType: 'json', valueTemplate: '{"n": [1, {{add 1 1}}]}', destination: 'working' },
        { type: 'set', valueTemplate: '{{working.n}}', destination: 'working.copy' },
        { type: 'set', valueTemplate: 'n={{working.n}}', destination: 'working.text' },
        { type: 'set', valueTemplate: '{{nothing}}', destination: 'working.empty' },
      ]),
    ).toEqual({ n: [1, 2], copy: [1, 2], text: 'n=1,2', empty: '' });
  });

  it('removes, copies and moves; a missing source leaves nothing', async () => {
    expect(
      await working([
        { type: 'set', valueTemplateType: 'json', valueTemplate: '{"a": 1, "b": 2, "c": 3, "d": 4}', destination: 'working' },
        { type: 'remove', source: 'working.a' },
        { type: 'remove', source: 'working.nothing' },
        { type: 'copy', source: 'working.b', destination: 'working.e' },
        { type: 'move', source: 'working.c', destination: 'working.f' },
        { type: 'copy', source: 'working.nothing', destination: 'working.d' },
      ]),
    ).toEqual({ b: 2, e: 2, f: 3 });
  });

  it('throws InvalidJsonTemplate for text that is not JSON', async () => {
    const rules = [{ type: 'set', valueTemplateType: 'json', valueTemplate: '{', destination: 'working' }];
    expect((await ran(workflow([node('m', 'MutateNode', { rules })]))).result.error).toMatchObject({
      name: 'InvalidJsonTemplate',
      nodeId: 'm',
    });
  });
});

describe('RawFunction', () => {
  const script = (source: string, scopePath = ''): NodeState[] => [
    node('f', 'RawFunctionNode', { script: source, scopePath }, ['see']),
    see(),
  ];

  it('changes the payload, or a part of it', async () => {
    expect(await seen(script('payload.working = {hours: payload.time.getUTCHours()}'))).toMatchObject({
      working: { hours: 4 },
      time: new Date('2026-02-03T04:05:06.007Z'),
    });
    expect(await seen(script('return payload + "!"', 'data.topic'))).toMatchObject({ data: { topic: 'in/a!' } });
  });

  it('shows its console lines, and says what it threw', async () => {
    const { result, debug } = await ran(workflow(script('console.warn("careful"); throw new TypeError("odd")')));
    expect(debug).toMatchObject([{ nodeId: 'f', level: 'warn', message: 'careful' }]);
    expect(result.error).toEqual({ name: 'TypeError', message: 'odd', nodeId: 'f', nodeType: 'RawFunctionNode' });
  });
});

describe('Debug', () => {
  it('shows a part of the payload, with a message', async () => {
    const { debug } = await ran(
      workflow([node('d', 'DebugNode', { message: 'at {{data.topic}}', property: 'data.topic', level: 'info' })]),
    );
    expect(debug).toMatchObject([{ nodeId: 'd', message: 'at in/a', payload: 'in/a', level: 'info' }]);
  });
});

describe('MqttMessage', () => {
  it('sends what its templates say, and goes on', async () => {
    const nodes = [
      mqtt('m', { topicTemplate: 'out/{{data.topic}}', messageTemplate: 't={{data.topic}}', qos: 1, retain: true }, 'see'),
      see(),
    ];
    const { sent, debug } = await ran(workflow(nodes));
    expect(sent).toMatchObject([{ id: 'run-1:m:0', options: { topic: 'out/in/a', qos: 1, retain: true }, payload: 't=in/a' }]);
    expect(debug).toHaveLength(1);
  });

  const failure = async (config: Record<string, unknown>, given: Given = {}): Promise<unknown> =>
    (await ran(workflow([mqtt('m', config)]), given)).result.error;

  it('is content when the message is queued', async () => {
    expect(await failure({}, { reply: async () => ({ verdict: 'queued' }) })).toBeUndefined();
  });

  it('throws when a required template comes out empty', async () => {
    expect(await failure({ topicTemplate: '{{nothing}}' })).toMatchObject({
      name: 'RequiredTemplate',
      message: 'topicTemplate came out empty',
    });
  });

  it('throws for an integration that is unknown, of another type, disabled, or of another tenant', async () => {
    expect(await failure({ integrationId: 'losant' })).toMatchObject({ name: 'IntegrationNotFound' });
    expect(await failure({}, { known: integration({ integrationType: 'sqs' }) })).toMatchObject({ name: 'IntegrationType' });
    expect(await failure({}, { known: integration({ enabled: false }) })).toMatchObject({ name: 'IntegrationDisabled' });
    expect(await failure({}, { known: integration({ applicationId: 'f'.repeat(24) }) })).toMatchObject({ name: 'IntegrationNotFound' });
  });

  it('throws what the provider said, and when nobody knows', async () => {
    const refused = async (): Promise<OutputReply> => ({ verdict: 'failed', error: { type: 'Refused', message: 'no such topic' } });
    expect(await failure({}, { reply: refused })).toMatchObject({ name: 'Refused', message: 'no such topic', nodeId: 'm' });
    expect(await failure({}, { reply: async () => ({ verdict: 'unknown' }) })).toMatchObject({ name: 'OutputUnknown' });
    expect(await failure({}, { reply: async () => ({ verdict: 'disconnected' }) })).toMatchObject({ name: 'IntegrationDisconnected' });
  });
});
