import { describe, expect, it } from 'vitest';
import type { IntegrationType } from '#lib/contracts';
import { ran } from '../../../../../test/builders/ran.ts';
import { APPLICATION, given, INTEGRATION, integration, node, workflow } from '../../../../../test/builders/runs.ts';
import type { Output, OutputReply, RunResult } from '../index.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What nodes may take from. */
const DATA = {
  id: 'AKIA7',
  secret: 'canary',
  region: 'eu-west-1',
  name: 'Key 1',
  key: { type: 'service_account', private_key: 'canary' },
  broken: '{canary',
};

/** The least each needs besides who it is. */
const NODES = {
  SqsSendNode: { type: 'sqs', config: { dataTemplate: 'x' } },
  AzureEventHubPublishNode: { type: 'azureEventHub', config: { dataTemplate: 'x' } },
  GooglePublishNode: { type: 'googlePubSub', config: { topicTemplate: 't', dataTemplate: 'x' } },
  ParticleCallNode: { type: 'particle', config: { nameTemplate: 'led', argTemplate: 'x' } },
} as const satisfies Record<string, { type: IntegrationType; config: Fields }>;
type Node = keyof typeof NODES;

interface Sent {
  readonly sent: readonly Output[];
  readonly error: RunResult['error'];
  readonly working: unknown;
}

async function run(name: Node, config: Fields, reply: OutputReply = { verdict: 'succeeded', result: {} }): Promise<Sent> {
  const flow = workflow([
    given(DATA, 'out'),
    node('out', name, { resultPath: 'working', ...NODES[name].config, ...config }, ['see']),
    node('see', 'DebugNode', { property: 'working' }),
  ]);
  const known = integration({ integrationType: NODES[name].type, topics: [] });
  const { sent, result, debug } = await ran(flow, { known, reply: async () => reply });
  return { sent, error: result.error, working: debug.find(({ nodeId }) => nodeId === 'see')?.payload };
}
const keys = { accessKeyIdTemplate: '{{data.id}}', secretAccessKeyTemplate: '{{data.secret}}', regionTemplate: '{{data.region}}' };
const KEYS = { accessKeyId: 'AKIA7', secretAccessKey: 'canary', region: 'eu-west-1' };
const named = { credentialNameTemplate: '{{data.name}}' };
const hub = { hubName: 'h-{{data.id}}' };
const jwt = JSON.stringify(DATA.key);

describe('a node that authenticates itself', () => {
  it.each<[Node, string, Fields, unknown]>([
    [
      'SqsSendNode',
      'a credential',
      { ...named, queueUrl: 'https://q/{{data.id}}' },
      { credentialName: 'Key 1', config: { queueUrl: 'https://q/AKIA7' } },
    ],
    ['SqsSendNode', 'keys', { ...keys, queueUrl: 'https://q/1' }, { config: { ...KEYS, queueUrl: 'https://q/1' } }],
    [
      'AzureEventHubPublishNode',
      'a credential',
      { ...named, ...hub, hostNameTemplate: '{{data.id}}.example' },
      { credentialName: 'Key 1', config: { hubName: 'h-AKIA7', hostName: 'AKIA7.example', consumerGroup: '$Default' } },
    ],
    [
      'AzureEventHubPublishNode',
      'a connection string',
      { ...hub, connectionString: 'Endpoint={{data.id}}' },
      { config: { hubName: 'h-AKIA7', connectionString: 'Endpoint=AKIA7', consumerGroup: '$Default' } },
    ],
    [
      'GooglePublishNode',
      'a credential',
      { ...named, projectIdTemplate: '{{data.id}}' },
      { credentialName: 'Key 1', config: { projectId: 'AKIA7' } },
    ],
    [
      'GooglePublishNode',
      'a key by template',
      { jwtDataTemplate: '{{{jsonEncode data.key}}}', projectIdTemplate: '{{none}}' },
      { config: { keyJson: jwt } },
    ],
    ['GooglePublishNode', 'a key by path', { jwtDataMethod: 'payloadPath', jwtDataPayloadPath: 'data.key' }, { config: { keyJson: jwt } }],
    ['ParticleCallNode', 'a token', { accessToken: '{{data.secret}}', deviceTemplate: 'd' }, { config: { accessToken: 'canary' } }],
  ])('%s: sends with %s, rendered, and no integration', async (name, _way, config, through) => {
    const { sent, error } = await run(name, config);
    expect(error).toBeUndefined();
    expect(sent).toMatchObject([{ through, integration: { applicationId: APPLICATION, integrationType: NODES[name].type } }]);
    expect(sent[0]?.through).toEqual(through);
  });

  it.each(Object.keys(NODES) as Node[])('%s: sends through the integration it names, whatever else it says', async (name) => {
    const config = { ...named, ...keys, connectionString: 'c', jwtDataTemplate: 'j', accessToken: 'a', deviceTemplate: 'd' };
    const { sent } = await run(name, { ...config, integrationId: INTEGRATION });
    expect(sent).toMatchObject([{ integration: { id: INTEGRATION } }]);
    expect(sent[0]).not.toHaveProperty('through');
  });

  it('asks under one id for what authenticates alike, and under others for others; each looks like an id of an integration', async () => {
    const idOf = async (config: Fields): Promise<string | undefined> =>
      (await run('SqsSendNode', { ...keys, queueUrl: 'https://q/1', ...config })).sent[0]?.integration.id;
    const ids = await Promise.all([{}, { dataTemplate: 'y' }, { queueUrl: 'https://q/2' }, { secretAccessKeyTemplate: 'other' }].map(idOf));
    expect(ids[0]).toMatch(/^[0-9a-f]{24}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
  });

  it.each<[Node, Fields, string]>([
    [
      'SqsSendNode',
      {},
      'integrationId: is required, or credentialNameTemplate, or accessKeyIdTemplate with secretAccessKeyTemplate with regionTemplate',
    ],
    [
      'SqsSendNode',
      { ...named, ...keys, queueUrl: 'q' },
      'accessKeyIdTemplate: can not be combined with credentialNameTemplate: choose one way to authenticate',
    ],
    ['SqsSendNode', { ...keys, regionTemplate: '', queueUrl: 'q' }, 'regionTemplate: is required together with accessKeyIdTemplate'],
    ['SqsSendNode', named, 'queueUrl: is required unless integrationId is given'],
    ['AzureEventHubPublishNode', { ...named, ...hub }, 'hostNameTemplate: is required together with credentialNameTemplate'],
    ['AzureEventHubPublishNode', { hostNameTemplate: 'h', ...hub }, 'credentialNameTemplate: is required together with hostNameTemplate'],
    [
      'AzureEventHubPublishNode',
      { ...hub, ...named, hostNameTemplate: 'h', connectionString: 'c' },
      'connectionString: can not be combined with credentialNameTemplate',
    ],
    ['AzureEventHubPublishNode', { connectionString: 'c' }, 'hubName: is required unless integrationId is given'],
    ['GooglePublishNode', { ...named, jwtDataTemplate: '{}' }, 'jwtDataTemplate: can not be combined with credentialNameTemplate'],
    [
      'GooglePublishNode',
      { jwtDataMethod: 'payloadPath', jwtDataTemplate: '{}' },
      'integrationId: is required, or credentialNameTemplate, or jwtDataPayloadPath',
    ],
    ['ParticleCallNode', { accessToken: 't' }, 'deviceTemplate: is required unless integrationId is given'],
  ])('%s: is invalid when it says less or more than one way: %j', async (name, config, message) => {
    const { error, sent } = await run(name, config);
    expect(error).toMatchObject({ name: 'InvalidNode', nodeId: 'out', message: expect.stringContaining(message) as string });
    expect(sent).toEqual([]);
  });

  it.each<[Node, Fields, string]>([
    ['SqsSendNode', { ...keys, queueUrl: '{{none}}' }, 'queueUrl came out empty'],
    ['SqsSendNode', { ...keys, secretAccessKeyTemplate: '{{none}}', queueUrl: 'q' }, 'secretAccessKeyTemplate came out empty'],
    ['SqsSendNode', { credentialNameTemplate: '{{none}}', queueUrl: 'q' }, 'credentialNameTemplate came out empty'],
    ['AzureEventHubPublishNode', { ...hub, connectionString: '{{none}}' }, 'connectionString came out empty'],
    ['GooglePublishNode', { jwtDataTemplate: '{{none}}' }, 'jwtDataTemplate came out empty'],
    [
      'GooglePublishNode',
      { jwtDataMethod: 'payloadPath', jwtDataPayloadPath: 'data.none' },
      'jwtDataPayloadPath: there is nothing at data.none',
    ],
    ['ParticleCallNode', { accessToken: 't', deviceTemplate: '{{none}}' }, 'deviceTemplate came out empty'],
  ])('%s: throws, naming the field, when what it needs renders to nothing: %j', async (name, config, message) => {
    expect((await run(name, config)).error).toMatchObject({ message });
  });

  it('throws for a key file that is no JSON, without a word of it', async () => {
    for (const config of [{ jwtDataTemplate: '{{{data.broken}}}' }, { jwtDataMethod: 'payloadPath', jwtDataPayloadPath: 'data.broken' }]) {
      const { error } = await run('GooglePublishNode', config);
      expect(error).toMatchObject({ name: 'InvalidJsonTemplate', message: expect.stringMatching(/gives no JSON$/) as string });
    }
  });

  it('has the results that it has with an integration, and its own words where nobody answers', async () => {
    const refused: OutputReply = { verdict: 'failed', error: { type: 'InvalidClientTokenId', message: 'no' } };
    const sqs = { ...keys, queueUrl: 'q' };
    expect((await run('SqsSendNode', sqs, refused)).working).toEqual({
      success: false,
      error: { type: 'InvalidClientTokenId', message: 'no' },
    });
    expect((await run('SqsSendNode', sqs, { verdict: 'disconnected' })).working).toEqual({
      success: false,
      error: { type: 'OutputDisconnected', message: 'no connector of the type sqs answers' },
    });
    expect((await run('AzureEventHubPublishNode', { ...hub, connectionString: 'c' }, refused)).working).toEqual({
      success: false,
      error: { message: 'no' },
    });
    expect((await run('ParticleCallNode', { accessToken: 't', deviceTemplate: 'd' }, refused)).working).toEqual({
      error: { message: 'no' },
    });
    expect((await run('GooglePublishNode', named, refused)).error).toMatchObject({ name: 'InvalidClientTokenId', message: 'no' });
  });
});
