import type { IntegrationType } from '#lib/contracts';
import { definitionOf } from '#lib/connectors';
import { describe, expect, it } from 'vitest';
import { ran } from '../../../../../test/builders/ran.ts';
import { given, integration, INTEGRATION, node, workflow } from '../../../../../test/builders/runs.ts';
import type { Output, OutputReply, RunResult } from '../index.ts';

interface Sent {
  readonly sent: readonly Output[];
  readonly error: RunResult['error'];
  readonly working: unknown;
  readonly debug: readonly unknown[];
}

/** What nodes may take from. */
const DATA = { topic: 'in/a', count: 3, tags: { color: 'red', size: 4, kept: { value: 7, dataType: 'Number.int' } } };

/** Runs a node of a type; what it sends must be what the type's connector takes. */
async function through(
  type: IntegrationType,
  nodeType: string,
  config: Record<string, unknown>,
  reply: OutputReply = { verdict: 'succeeded' },
): Promise<Sent> {
  const known = integration({ integrationType: type, topics: [] });
  const flow = workflow([
    given(DATA, 'out'),
    node('out', nodeType, { integrationId: INTEGRATION, resultPath: 'working', ...config }, ['see']),
    node('see', 'DebugNode', { property: 'working' }),
  ]);
  const { sent, result, debug } = await ran(flow, { known, reply: async () => reply });
  for (const { options } of sent) expect(definitionOf(type).send?.safeParse(options).error).toBeUndefined();
  const last = debug.find(({ nodeId }) => nodeId === 'see');
  return { sent, error: result.error, working: last?.payload, debug };
}

const refused: OutputReply = { verdict: 'failed', error: { type: 'Refused', message: 'no' } };

describe('SqsSend', () => {
  const sqs = (config: Record<string, unknown>, reply?: OutputReply): Promise<Sent> =>
    through('sqs', 'SqsSendNode', { dataTemplate: 't={{data.topic}}', ...config }, reply);

  it('sends text, attributes of both types, a group and a de-duplication id; the result is at its path', async () => {
    const config = {
      attributeFields: [
        { keyTemplate: 'topic', valueTemplate: '{{data.topic}}' },
        { keyTemplate: 'n{{data.count}}', valueTemplate: '{{data.count}}' },
        { name: 'older', value: 'x{{data.count}}' },
      ],
      messageGroupIdTemplate: 'g-{{data.topic}}',
      messageDeduplicationIdTemplate: 'd',
    };
    const { sent, working } = await sqs(config, { verdict: 'succeeded', result: { messageId: 'm1' } });
    expect(sent).toMatchObject([{ id: 'run-1:out:0', payload: 't=in/a' }]);
    expect(sent[0]?.options).toEqual({
      attributes: {
        topic: { value: 'in/a', dataType: 'String' },
        n3: { value: 3, dataType: 'Number' },
        older: { value: 'x3', dataType: 'String' },
      },
      messageGroupId: 'g-in/a',
      messageDeduplicationId: 'd',
    });
    expect(working).toEqual({ success: true, messageId: 'm1' });
  });

  it('takes the message and attributes from the payload, or attributes from JSON', async () => {
    const byPath = await sqs({
      dataMethod: 'payloadPath',
      dataPayloadPath: 'data.tags',
      attributeMethod: 'payloadPath',
      attributePayloadPath: 'data.tags',
    });
    expect(JSON.parse(byPath.sent[0]?.payload ?? '')).toMatchObject({ color: 'red', size: 4 });
    expect(byPath.sent[0]?.options).toEqual({
      attributes: {
        color: { value: 'red', dataType: 'String' },
        size: { value: 4, dataType: 'Number' },
        kept: { value: 7, dataType: 'Number.int' },
      },
    });
    const byJson = await sqs({ attributeMethod: 'jsonTemplate', attributeTemplate: '{"a": {{data.count}}}' });
    expect(byJson.sent[0]?.options).toEqual({ attributes: { a: { value: 3, dataType: 'Number' } } });
  });

  it.each<[OutputReply, string]>([
    [refused, 'Refused'],
    [{ verdict: 'disconnected' }, 'IntegrationDisconnected'],
    [{ verdict: 'unknown' }, 'OutputUnknown'],
    [{ verdict: 'busy' }, 'OutputBusy'],
  ])('has a result that says why nothing was sent, and goes on: %j', async (reply, type) => {
    const { working, error } = await sqs({}, reply);
    expect(error).toBeUndefined();
    expect(working).toEqual({ success: false, error: { type, message: expect.any(String) as string } });
  });

  it('tells whoever watches of a failure that has no path to go to', async () => {
    const { debug, error } = await sqs({ resultPath: '' }, refused);
    expect(error).toBeUndefined();
    expect(debug).toContainEqual(expect.objectContaining({ nodeId: 'out', level: 'error', message: 'Refused: no' }));
  });

  it('throws when it is disabled or gone, has nothing to say, or is given what is no object for attributes', async () => {
    expect((await sqs({}, { verdict: 'disabled' })).error).toMatchObject({ name: 'IntegrationDisabled' });
    expect((await sqs({}, { verdict: 'notFound' })).error).toMatchObject({ name: 'IntegrationNotFound' });
    expect((await sqs({ dataTemplate: '{{nothing}}' })).error).toMatchObject({
      name: 'RequiredTemplate',
      message: 'dataTemplate came out empty',
    });
    const path = { dataMethod: 'payloadPath', dataPayloadPath: 'data.missing' };
    expect((await sqs(path)).error).toMatchObject({ name: 'RequiredPath', message: 'dataPayloadPath: there is nothing at data.missing' });
    const attributes = { attributeMethod: 'payloadPath', attributePayloadPath: 'data.topic' };
    expect((await sqs(attributes)).error).toMatchObject({ name: 'InvalidAttributes', message: 'attributePayloadPath must give an object' });
  });
});

describe('WebsocketMessage', () => {
  const websocket = (config: Record<string, unknown>, reply?: OutputReply): Promise<Sent> =>
    through('websocket', 'WebsocketMessageNode', { messageTemplate: 'é{{data.count}}', ...config }, reply);

  it('sends text as a text frame, and bytes in another encoding as a binary one; it has no result', async () => {
    const text = await websocket({});
    expect(text.sent).toMatchObject([{ options: { binary: false }, payload: 'é3' }]);
    expect(text.working).toBeUndefined();
    const hex = await websocket({ messageTemplate: '00ff0{{data.count}}', encodingTemplate: 'hex' });
    expect(hex.sent).toMatchObject([{ options: { binary: true }, payload: 'AP8D', encoding: 'base64' }]);
  });

  it('throws for what is not in its encoding, and for an encoding that is none', async () => {
    expect((await websocket({ messageTemplate: 'zz', encodingTemplate: 'hex' })).error).toMatchObject({ name: 'InvalidEncoding' });
    expect((await websocket({ encodingTemplate: 'rot13' })).error).toMatchObject({ name: 'InvalidEncoding' });
  });

  it('throws when it is not connected, and what the provider said', async () => {
    expect((await websocket({}, { verdict: 'disconnected' })).error).toMatchObject({ name: 'IntegrationDisconnected', nodeId: 'out' });
    expect((await websocket({}, refused)).error).toMatchObject({ name: 'Refused', message: 'no' });
  });
});

describe('ParticleCall', () => {
  const particle = (config: Record<string, unknown>, reply?: OutputReply): Promise<Sent> =>
    through('particle', 'ParticleCallNode', { nameTemplate: 'led', argTemplate: 'on {{data.count}}', ...config }, reply);

  it('calls a function of a device; its answer is at the path', async () => {
    const result = { id: 'd', last_app: '', connected: true, return_value: 1 };
    const { sent, working } = await particle({ deviceTemplate: 'd{{data.count}}', productTemplate: 'p' }, { verdict: 'succeeded', result });
    expect(sent).toMatchObject([{ options: { name: 'led', device: 'd3', product: 'p' }, payload: 'on 3' }]);
    expect(working).toEqual(result);
  });

  it('gives an object of the payload as JSON', async () => {
    const { sent } = await particle({ argMethod: 'payloadPath', argPayloadPath: 'data.tags.kept' });
    expect(sent).toMatchObject([{ options: { name: 'led' }, payload: '{"value":7,"dataType":"Number.int"}' }]);
  });

  it('has an error as its result when the call failed, and goes on', async () => {
    expect((await particle({}, refused)).working).toEqual({ error: { message: 'no' } });
    expect((await particle({}, { verdict: 'disconnected' })).working).toMatchObject({ error: { message: expect.any(String) as string } });
  });
});

describe('GooglePublish', () => {
  const google = (config: Record<string, unknown>, reply?: OutputReply): Promise<Sent> =>
    through('googlePubSub', 'GooglePublishNode', { topicTemplate: 't{{data.count}}', dataTemplate: '{{data.topic}}', ...config }, reply);

  it('publishes with attributes, all of them text; the id is at the path', async () => {
    const config = { attrMethod: 'payloadPath', attrPayloadPath: 'data.tags' };
    const { sent, working } = await google(config, { verdict: 'succeeded', result: { messageId: '17' } });
    expect(sent).toMatchObject([{ payload: 'in/a' }]);
    expect(sent[0]?.options).toEqual({
      topic: 't3',
      attributes: { color: 'red', size: '4', kept: '{"value":7,"dataType":"Number.int"}' },
    });
    expect(working).toEqual({ messageId: '17' });
  });

  it('throws when it failed or is not connected', async () => {
    expect((await google({}, refused)).error).toMatchObject({ name: 'Refused', nodeId: 'out' });
    expect((await google({}, { verdict: 'disconnected' })).error).toMatchObject({ name: 'IntegrationDisconnected' });
  });
});

describe('AzureEventHubPublish', () => {
  const hub = (config: Record<string, unknown>, reply?: OutputReply): Promise<Sent> =>
    through('azureEventHub', 'AzureEventHubPublishNode', { dataTemplate: '{"n": {{data.count}}}', ...config }, reply);

  it('publishes with a key and properties that keep their type; success is at the path', async () => {
    const config = {
      partitionKeyTemplate: 'key {{data.count}}',
      propFields: [
        { keyTemplate: 'size', valueTemplate: '{{data.tags.size}}' },
        { keyTemplate: 'in', valueTemplate: 'x{{data.topic}}' },
      ],
    };
    const { sent, working } = await hub(config);
    expect(sent).toMatchObject([{ payload: '{"n": 3}' }]);
    expect(sent[0]?.options).toEqual({ partitionKey: 'key 3', properties: { size: 4, in: 'xin/a' } });
    expect(working).toEqual({ success: true });
    const bare = await hub({ propMethod: 'jsonTemplate', propTemplate: '{"yes": true, "none": null, "map": {"a": 1}}' });
    expect(bare.sent[0]?.options).toEqual({ properties: { yes: true, none: null, map: '{"a":1}' } });
    expect((await hub({})).sent[0]?.options).toEqual({});
  });

  it.each<[OutputReply, RegExp]>([
    [refused, /^no$/],
    [{ verdict: 'disconnected' }, /not connected/],
    [{ verdict: 'unknown' }, /unknown/],
  ])('has a result that says why nothing was published, and goes on: %j', async (reply, message) => {
    const { working, error } = await hub({}, reply);
    expect(error).toBeUndefined();
    expect(working).toEqual({ success: false, error: { message: expect.stringMatching(message) as string } });
  });

  it('throws when it is disabled', async () => {
    expect((await hub({}, { verdict: 'disabled' })).error).toMatchObject({ name: 'IntegrationDisabled' });
  });
});
