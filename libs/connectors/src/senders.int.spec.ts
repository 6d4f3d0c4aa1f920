import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Provider } from '#lib/connector-sdk';
import { type CredentialType, type IntegrationType, SendReply, type SendThrough, sendSubject } from '#lib/contracts';
import { keyFiles } from '../../../test/providers/google-pubsub.ts';
import { makeCertificates } from '../../../test/servers/certificates.ts';
import { EVENT_HUBS_KEY, startEventHubs } from '../../../test/servers/event-hubs.ts';
import { startFaultProxy } from '../../../test/servers/fault-proxy.ts';
import { startGooglePubSub } from '../../../test/servers/google-pubsub.ts';
import { startParticleServer } from '../../../test/servers/particle.ts';
import { SQS_KEY, SQS_SECOND_KEY, startSqs } from '../../../test/servers/sqs.ts';
import { anId, startHarness } from '../../connector-runtime/src/testing/harness.ts';
import { azureEventHubProvider } from './azure-event-hubs/provider.ts';
import { googlePubSubProvider } from './google-pubsub/provider.ts';
import { particleProvider } from './particle/provider.ts';
import { definitionOf } from './registry.ts';
import { sqsProvider } from './sqs/provider.ts';

type Fields = Record<string, unknown>;

/** Nothing is there, and nobody may go there. */
const FORBIDDEN = '10.255.255.1';

/** A provider's server, and what a workflow's node brings to send to it. */
interface Side {
  readonly provider: Provider;
  readonly options: Fields;
  readonly inline: Fields;
  /** The same with a key that the server doesn't take, and what it says of it. */
  readonly wrong: Fields;
  readonly refusal: RegExp;
  /** What leads to an address that may not be dialled. */
  readonly forbidden: { readonly provider?: Provider; readonly config: Fields };
  /** By the name of a credential: its type, its secret and two versions of its fields, and what stands beside. */
  readonly named?: {
    readonly type: CredentialType;
    readonly sealed: string;
    readonly fields: readonly [Fields, Fields];
    readonly config: Fields;
  };
  sent(): readonly string[] | Promise<readonly string[]>;
  /** How often the server was asked to take a message, or to let the sender in. */
  asks(): number;
  /** What the server was asked besides sending. */
  besides(): readonly string[];
  /** Connections accepted; a call of Particle's has one each. */
  connections(): number;
  stop(): Promise<unknown>;
}

const sides: Partial<Record<IntegrationType, () => Promise<Side>>> = {
  sqs: async () => {
    const server = await startSqs();
    const proxy = await startFaultProxy({ port: server.port });
    await server.createQueue('orders');
    const queueUrl = server.url('orders', `http://127.0.0.1:${proxy.port}`);
    return {
      provider: sqsProvider(),
      options: { attributes: { n: { value: 1, dataType: 'Number' } } },
      inline: { queueUrl, ...SQS_KEY },
      wrong: { queueUrl, ...SQS_KEY, secretAccessKey: 'wrong' },
      refusal: /AWS refuses the signature/,
      forbidden: { config: { queueUrl: `http://${FORBIDDEN}/1/orders`, ...SQS_KEY } },
      named: { type: 'aws', sealed: 'secretAccessKey', fields: [SQS_KEY, SQS_SECOND_KEY], config: { queueUrl } },
      sent: async () => (await server.inspect('orders')).ready.map(({ body }) => body),
      asks: () => server.calls.length,
      besides: () => server.calls.flatMap(({ action }) => (action === 'SendMessage' ? [] : [action])),
      connections: () => proxy.accepted,
      stop: async () => {
        await proxy.stop();
        await server.stop();
      },
    };
  },
  azureEventHub: async () => {
    const certificates = makeCertificates();
    const [server, secure] = [await startEventHubs(), await startEventHubs({ tls: certificates.server })];
    for (const one of [server, secure]) one.createHub('orders', { partitions: 2 });
    const second = { ...EVENT_HUBS_KEY, name: 'second', key: 'another+Key=' };
    secure.setKeys([EVENT_HUBS_KEY, second]);
    const hub = { hubName: 'orders', consumerGroup: '$Default' };
    const own = (connectionString: string): Fields => ({ ...hub, connectionString });
    const plain: Provider = azureEventHubProvider();
    const overTls: Provider = azureEventHubProvider({ port: secure.port, tls: { caCertificate: certificates.ca } });
    const credential = ({ name, key }: { name: string; key: string }): Fields => ({ account: name, accountKey: key });
    return {
      // Only by a connection string is it told of a port, and of no TLS.
      provider: {
        ...plain,
        sender: async (config, context) => {
          const { sender } = 'hostName' in (config.config as Fields) ? overTls : plain;
          return await (sender ?? expect.fail('it sends nothing'))(config, context);
        },
      },
      options: { partitionKey: 'k' },
      inline: own(server.connectionString()),
      wrong: own(server.connectionString({ key: 'wrong' })),
      refusal: /Event Hubs refuses the key of the policy sluice/,
      forbidden: { config: own(server.connectionString().replace('127.0.0.1', FORBIDDEN)) },
      named: {
        type: 'azure',
        sealed: 'accountKey',
        fields: [credential(EVENT_HUBS_KEY), credential(second)],
        config: { ...hub, hostName: 'localhost' },
      },
      sent: () =>
        [...server.published('orders'), ...secure.published('orders')].map(({ body }) => Buffer.from(body as Uint8Array).toString()),
      asks: () => server.asked.get('put-token') ?? 0,
      besides: () =>
        [server, secure].flatMap(({ asked }) => [...asked.keys()].filter((one) => !['put-token', 'sender', 'send'].includes(one))),
      connections: () => server.proxy.accepted + secure.proxy.accepted,
      stop: async () => await Promise.all([server.stop(), secure.stop()]),
    };
  },
  googlePubSub: async () => {
    const certificates = makeCertificates();
    const { keyJson, publicKey } = keyFiles();
    const server = await startGooglePubSub({ tls: certificates.server, publicKey });
    server.createTopic('projects/p/topics/orders');
    const at = (host: string): Provider => googlePubSubProvider({ service: { host, port: server.port, trust: { ca: certificates.ca } } });
    return {
      provider: at('localhost'),
      options: { topic: 'orders', attributes: { a: 'b' } },
      inline: { keyJson: keyJson('first') },
      wrong: { keyJson: keyFiles().keyJson('other') },
      refusal: /Google refuses the key/,
      forbidden: { provider: at(FORBIDDEN), config: { keyJson: keyJson('first') } },
      named: { type: 'gcp', sealed: 'keyJson', fields: [{ keyJson: keyJson('first') }, { keyJson: keyJson('second') }], config: {} },
      sent: () => server.published('projects/p/topics/orders').map(({ data }) => Buffer.from(data ?? '').toString()),
      asks: () => server.calls.get('Publish') ?? 0,
      besides: () => [...server.calls.keys()].filter((method) => method !== 'Publish'),
      connections: () => server.proxy.accepted,
      stop: () => server.stop(),
    };
  },
  particle: async () => {
    const server = await startParticleServer();
    const sent: string[] = [];
    server.functions.set('device/led', (args) => sent.push(args));
    return {
      provider: particleProvider({ url: new URL(server.url) }),
      options: { name: 'led', device: 'device' },
      inline: { accessToken: 'good-token' },
      wrong: { accessToken: 'wrong' },
      refusal: /The access token provided is invalid/,
      forbidden: { provider: particleProvider({ url: new URL(`http://${FORBIDDEN}`) }), config: { accessToken: 'good-token' } },
      sent: () => sent,
      asks: () => server.requests.length,
      besides: () => server.requests.flatMap(({ method, path }) => (method === 'POST' ? [] : [path])),
      connections: () => (server.requests.length > 0 ? 1 : 0),
      stop: () => server.stop(),
    };
  },
};

describe.each(Object.entries(sides) as [IntegrationType, () => Promise<Side>][])('a send of its own to %s', (type, begin) => {
  const stops: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  const started = async () => {
    const side = await begin();
    stops.push(() => side.stop());
    const at = await startHarness({ type });
    stops.push(() => at.stop());
    const { id: applicationId } = await at.application();
    let ids = 0;
    const send = async (payload: string, through: SendThrough): Promise<SendReply> => {
      const request = { id: `r:n:${++ids}`, options: side.options, payload, encoding: 'utf8', time: new Date().toISOString(), through };
      const subject = sendSubject(type, applicationId, '0e0000000000000000000001');
      // As the runner does, until somebody holds the partition.
      const body = await vi.waitFor(() => at.bus.request(subject, Buffer.from(JSON.stringify(request)), 10_000), 20_000);
      return SendReply.parse(JSON.parse(Buffer.from(body).toString()));
    };
    return { side, at, applicationId, send };
  };

  it('goes with what the node brings, over one connection, and asks for nothing else', { timeout: 60_000 }, async () => {
    const { side, at, send } = await started();
    await at.startWith(side.provider);
    for (const text of ['one', 'two']) expect(await send(text, { config: side.inline })).toMatchObject({ verdict: 'succeeded' });
    expect([...(await side.sent())].sort()).toEqual(['one', 'two']);
    expect(side.besides()).toEqual([]);
    expect(side.connections()).toBe(1);
  });

  it('says of a wrong key what the provider says, and does not go on asking', { timeout: 60_000 }, async () => {
    const { side, at, send } = await started();
    await at.startWith(side.provider);
    const refused = { verdict: 'failed', error: { message: expect.stringMatching(side.refusal) as string } };
    expect(await send('no', { config: side.wrong })).toMatchObject(refused);
    const others = await Promise.all(Array.from({ length: 20 }, () => send('no', { config: side.wrong })));
    for (const other of others) expect(other.verdict).toBe('failed');
    expect(side.asks()).toBeLessThan(20);
    expect(await side.sent()).toEqual([]);
  });

  it('goes to no address that may not be reached', { timeout: 60_000 }, async () => {
    const { side, at, send } = await started();
    await at.startWith(side.forbidden.provider ?? side.provider);
    expect(await send('no', { config: side.forbidden.config })).toEqual({
      verdict: 'failed',
      error: { type: 'misconfigured', message: expect.stringContaining(`${FORBIDDEN} is a private network`) as string },
    });
  });

  // No service credential is for Particle.
  if (definitionOf(type).credential === undefined) return;

  it('goes with a service credential by its name, and with a rotated one', { timeout: 60_000 }, async () => {
    const { side, at, applicationId, send } = await started();
    const { named } = side;
    if (named === undefined) throw new Error(`${type} takes a service credential: say which`);
    const sealed = await at.sealing(applicationId);
    const id = anId();
    const put = async (fields: Fields, version: number, enabled = true): Promise<unknown> => {
      const config = { ...fields, [named.sealed]: sealed(String(fields[named.sealed]), id, named.sealed) };
      return await at.credential(applicationId, { id, type: named.type, enabled, config }, version);
    };
    const through = { credentialName: 'key', config: named.config };
    await put(named.fields[0], 1);
    await at.startWith(side.provider);
    expect(await send('one', through)).toMatchObject({ verdict: 'succeeded' });
    await put(named.fields[1], 2, false);
    await expect.poll(async () => (await send('no', through)).error?.message).toMatch(/^the credential key is disabled/);
    await put(named.fields[1], 3);
    await expect.poll(async () => (await send('two', through)).verdict).toBe('succeeded');
    expect(await side.sent()).toEqual(expect.arrayContaining(['one', 'two']));
    expect(side.besides()).toEqual([]);
    expect(side.connections()).toBe(2);
  });
});
