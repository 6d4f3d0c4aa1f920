import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Connection, ConnectionConfig, Provider } from '#lib/connector-sdk';
import { makeCertificates } from '../../../../test/servers/certificates.ts';
import { type RecordingContext, checkContext, recordingContext } from '../../../../test/servers/connection-context.ts';
import { type GooglePubSubServer, startGooglePubSub } from '../../../../test/servers/google-pubsub.ts';
import { definitionOf } from '../registry.ts';
import type { ResolvedGooglePubSubConfig } from './config.ts';
import { emulatorOf, googlePubSubProvider } from './provider.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const pemOf = (key: typeof privateKey): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const keyJson = (key = pemOf(privateKey)): string =>
  JSON.stringify({ type: 'service_account', project_id: 'p', client_email: 'a@p.example', private_key: key, private_key_id: 'k' });

let server: GooglePubSubServer;
let provider: Provider<ResolvedGooglePubSubConfig>;
const open: Connection[] = [];
let names = 0;

const plain = (port: number): Provider<ResolvedGooglePubSubConfig> =>
  googlePubSubProvider({ service: { host: '127.0.0.1', port, trust: 'plain' } });

beforeAll(async () => {
  server = await startGooglePubSub();
  provider = plain(server.port);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close({ drain: false })));
  server.proxy.mode({ kind: 'pass' });
  for (const method of ['Publish', 'GetSubscription', 'CreateSubscription', 'ListSubscriptions', 'ListTopics', 'StreamingPull'] as const)
    server.behave(method, { kind: 'answer' });
});
afterAll(async () => await server.stop());

const anId = (): string => (++names).toString(16).padStart(24, '0');
function configured(topics: readonly string[], integrationId = anId()): ConnectionConfig<ResolvedGooglePubSubConfig> {
  return { integrationId, applicationId: 'a', topics, config: { keyJson: keyJson() }, assignedClientId: '' };
}
async function connected(
  config: ConnectionConfig<ResolvedGooglePubSubConfig>,
  context: RecordingContext = recordingContext(),
): Promise<{ connection: Connection; context: RecordingContext }> {
  const connection = await provider.connect(config, context);
  open.push(connection);
  return { connection, context };
}
const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const aTopic = (): string => {
  const topic = `t${++names}`;
  server.createTopic(`projects/p/topics/${topic}`);
  return topic;
};
const publish = (topic: string, ...bodies: (string | Buffer)[]): string[] =>
  server.publish(`projects/p/topics/${topic}`, ...bodies.map((body) => ({ data: Buffer.from(body) })));
const texts = ({ received }: RecordingContext): string[] => received.map(({ body }) => Buffer.from(body).toString());
const nameOf = (integrationId: string, topic: string): string => `projects/p/subscriptions/sluice-${integrationId}-${topic}`;
const outstanding = (integrationId: string, topic: string): number =>
  server.subscriptions.get(nameOf(integrationId, topic))?.outstanding.size ?? -1;
const held = (integrationId: string, topic: string): number => {
  const found = server.subscriptions.get(nameOf(integrationId, topic));
  return (found?.outstanding.size ?? 0) + (found?.waiting.length ?? 0);
};

describe('connecting', () => {
  it('makes a subscription to each topic, uses it again, and dials nothing but what it is given', async () => {
    const config = configured([aTopic(), aTopic()]);
    const [one = '', two = ''] = config.topics;
    const accepted = server.proxy.accepted;
    const { connection, context } = await connected(config);
    expect(connection.connectData).toEqual({ topics: [one, two] });
    expect(context.proofs).toEqual(['subscription']);
    expect([...server.subscriptions.keys()].filter((name) => name.includes(config.integrationId))).toEqual([
      nameOf(config.integrationId, one),
      nameOf(config.integrationId, two),
    ]);
    publish(one, 'a');
    await expect.poll(() => texts(context)).toEqual(['a']);
    await connection.probe();
    await connection.send?.({ id: 'r:n:0', payload: Buffer.from('b'), options: { topic: two } });
    expect(context.dialled).toEqual([`127.0.0.1:${server.port}`]);
    expect(server.proxy.accepted - accepted).toBe(1);
    await expect.poll(() => texts(context)).toEqual(['a', 'b']);
    await connection.close({ drain: true });
    publish(two, 'c');
    const creations = server.calls.get('CreateSubscription');
    const { context: again } = await connected(config);
    await expect.poll(() => texts(again)).toEqual(['c']);
    expect(server.calls.get('CreateSubscription')).toBe(creations);
  });

  it('removes the subscriptions of topics that were taken out, and nobody else’s', async () => {
    const config = configured([aTopic(), aTopic()]);
    const { integrationId, topics } = config;
    const [kept = '', gone = ''] = topics;
    await (await connected(config)).connection.close({ drain: false });
    const foreign = 'projects/p/subscriptions/theirs';
    const alike = nameOf(integrationId, 'alike');
    server.subscribe(foreign, `projects/p/topics/${gone}`, { 'sluice-integration': integrationId });
    server.subscribe(alike, `projects/p/topics/${gone}`);
    await connected({ ...config, topics: [kept] });
    await expect.poll(() => server.subscriptions.has(nameOf(integrationId, gone))).toBe(false);
    await provider.dispose?.({ ...config, topics: [kept] }, recordingContext());
    expect([...server.subscriptions.keys()].filter((name) => name === foreign || name.includes(integrationId))).toEqual([foreign, alike]);
  });

  it('removes them at the next connect, when the first was closed before it had', async () => {
    const config = configured([aTopic()]);
    const gone = nameOf(config.integrationId, 'gone');
    server.subscribe(gone, `projects/p/topics/${config.topics[0]}`, { 'sluice-integration': config.integrationId });
    await (await connected(config)).connection.close({ drain: false });
    expect(server.subscriptions.has(gone)).toBe(true);
    await connected(config);
    await expect.poll(() => server.subscriptions.has(gone)).toBe(false);
  });

  it('takes no subscription of its name that it did not make', async () => {
    const config = configured([aTopic()]);
    const [topic = ''] = config.topics;
    server.subscribe(nameOf(config.integrationId, topic), `projects/p/topics/${topic}`);
    expect(await failure(connected(config))).toMatchObject({ code: 'misconfigured', message: expect.stringContaining('is not ours') });
  });

  it('makes it anew after its topic was deleted and made again', async () => {
    const config = configured([aTopic()]);
    const [topic = ''] = config.topics;
    const { connection } = await connected(config);
    server.deleteTopic(`projects/p/topics/${topic}`);
    expect(await failure(connection.probe())).toMatchObject({ code: 'misconfigured', message: `The topic ${topic} was deleted.` });
    await connection.close({ drain: false });
    expect(await failure(connected(config))).toMatchObject({ code: 'misconfigured' });
    server.createTopic(`projects/p/topics/${topic}`);
    const { context } = await connected(config);
    publish(topic, 'new');
    await expect.poll(() => texts(context)).toEqual(['new']);
  });

  it('names a missing topic', async () => {
    expect(await failure(connected(configured(['nowhere'])))).toMatchObject({
      code: 'misconfigured',
      message: 'There is no topic nowhere in the project p: create it, or correct the name.',
    });
  });

  it.each([
    [status.PERMISSION_DENIED, 'unauthorized'],
    [status.UNAUTHENTICATED, 'unauthorized'],
    [status.RESOURCE_EXHAUSTED, 'throttled'],
    [status.UNAVAILABLE, 'lost'],
    [status.INVALID_ARGUMENT, 'misconfigured'],
  ])('tells what gRPC’s code %s means: %s', async (code, meaning) => {
    server.behave('GetSubscription', { kind: 'refuse', code });
    expect(await failure(connected(configured([aTopic()])))).toMatchObject({ name: 'ConnectorError', code: meaning });
  });

  it('without topics proves the key, that of an account which may only publish too', async () => {
    const { connection } = await connected(configured([]));
    server.behave('ListTopics', { kind: 'refuse', code: status.PERMISSION_DENIED });
    await connection.probe();
    server.behave('ListTopics', { kind: 'refuse', code: status.UNAUTHENTICATED });
    expect(await failure(connection.probe())).toMatchObject({ code: 'unauthorized' });
  });

  it('says at once that nobody answers, and gives up when told', async () => {
    server.proxy.mode({ kind: 'refuse' });
    expect(await failure(connected(configured([aTopic()])))).toMatchObject({ code: 'lost' });
    const unused = createServer();
    const port = await new Promise<number>((resolve) => {
      unused.listen(0, '127.0.0.1', () => resolve((unused.address() as { port: number }).port));
    });
    await new Promise((resolve) => unused.close(resolve));
    expect(await failure(plain(port).connect(configured([]), recordingContext()))).toMatchObject({
      code: 'lost',
      message: 'No connection to Pub/Sub (ECONNREFUSED).',
    });
    server.proxy.mode({ kind: 'stall' });
    const context = recordingContext();
    const attempt = failure(connected(configured([aTopic()]), context));
    await expect.poll(() => context.dialled.length).toBe(1);
    context.controller.abort();
    expect(await attempt).toMatchObject({ code: 'lost' });
  });

  it('passes on what the guard says of a forbidden host', async () => {
    const context = recordingContext();
    context.dial = () => Promise.reject(Object.assign(new Error('p.example is private.'), { code: 'egressForbidden' }));
    expect(await failure(connected(configured([]), context))).toMatchObject({ code: 'misconfigured', message: 'p.example is private.' });
  });

  it('looks in no environment variable, file or proxy for another way', async () => {
    for (const name of ['https_proxy', 'http_proxy', 'grpc_proxy']) vi.stubEnv(name, 'http://127.0.0.1:1');
    vi.stubEnv('CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB', '127.0.0.1:1');
    vi.stubEnv('PUBSUB_EMULATOR_HOST', '127.0.0.1:1');
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere');
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'another');
    try {
      const { context } = await connected(configured([aTopic()]));
      expect(context.dialled).toEqual([`127.0.0.1:${server.port}`]);
      expect(process.env['METADATA_SERVER_DETECTION']).toBe('none');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('reads the emulator’s address as Google’s clients do', () => {
    expect(emulatorOf('localhost:8085')).toEqual({ host: 'localhost', port: 8085, trust: 'plain' });
    expect(emulatorOf('http://[::1]:8085')).toEqual({ host: '::1', port: 8085, trust: 'plain' });
    expect(emulatorOf('')).toBeUndefined();
  });
});

describe('with TLS and a key', () => {
  const certificates = makeCertificates();
  let guarded: GooglePubSubServer;
  let secured: Provider<ResolvedGooglePubSubConfig>;
  beforeAll(async () => {
    guarded = await startGooglePubSub({
      tls: certificates.server,
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    });
    guarded.createTopic('projects/p/topics/t');
    secured = googlePubSubProvider({ service: { host: 'localhost', port: guarded.port, trust: { ca: certificates.ca } } });
  });
  afterAll(async () => await guarded.stop());

  it('signs its own tokens, and asks no other host for any', async () => {
    const context = recordingContext();
    const connection = await secured.connect(configured(['t']), context);
    open.push(connection);
    guarded.publish('projects/p/topics/t', { data: Buffer.from('hello') });
    await expect.poll(() => texts(context)).toEqual(['hello']);
    expect(context.dialled).toEqual([`localhost:${guarded.port}`]);
  });

  it('takes the key of a service credential', async () => {
    const config = { ...configured(['t']), config: { credential: { keyJson: keyJson() } } };
    const connection = await secured.connect(config, recordingContext());
    open.push(connection);
    expect(connection.connectData).toEqual({ topics: ['t'] });
  });

  it('tells a refused key, and quotes none', async () => {
    const config = { ...configured(['t']), config: { keyJson: keyJson(pemOf(other)) } };
    expect(await failure(secured.connect(config, recordingContext()))).toMatchObject({ code: 'unauthorized' });
    for (const broken of [keyJson('secret'), '{"type":"external_account","secret":"secret"}', 'secret', keyJson().slice(0, -5)]) {
      const refused = await failure(secured.connect({ ...configured(['t']), config: { keyJson: broken } }, recordingContext()));
      expect(refused).toMatchObject({ code: 'misconfigured' });
      expect(String(refused)).not.toMatch(/"?secret"?$|BEGIN/);
    }
  });

  it('is checked step by step, in a test of the configuration', async () => {
    guarded.createTopic('projects/p/topics/checked');
    const checked = async (provider: Provider<ResolvedGooglePubSubConfig>, key?: string): Promise<[string[], unknown]> => {
      const context = checkContext();
      const config = { ...configured(['checked']), config: { keyJson: keyJson(key) } };
      const error = await failure(provider.check?.(config, context) ?? Promise.resolve());
      return [context.steps, error];
    };
    expect(await checked(secured)).toEqual([['tls', 'authenticate', 'authorise'], undefined]);
    expect(await checked(secured, pemOf(other))).toEqual([['tls', 'not authenticate'], expect.objectContaining({ code: 'unauthorized' })]);
    const untrusting = googlePubSubProvider({ service: { host: 'localhost', port: guarded.port, trust: { ca: makeCertificates().ca } } });
    expect(await checked(untrusting)).toEqual([['not tls'], expect.objectContaining({ code: 'misconfigured' })]);
    const nowhere = googlePubSubProvider({ service: { host: '127.0.0.1', port: 1, trust: 'plain' } });
    expect(await checked(nowhere)).toEqual([['not authenticate'], expect.objectContaining({ code: 'lost' })]);
    expect([...guarded.subscriptions.keys()].filter((name) => name.includes('checked'))).toEqual([]);
  });

  it('trusts no server but one with the name it dialled', async () => {
    const untrusting = googlePubSubProvider({
      service: { host: 'localhost', port: guarded.port, trust: { ca: makeCertificates().ca } },
    });
    expect(await failure(untrusting.connect(configured(['t']), recordingContext()))).toMatchObject({ code: 'misconfigured' });
  });
});

describe('receiving', () => {
  it('gives each message with its id, and acknowledges it only once it is durable', async () => {
    const config = configured([aTopic()]);
    const [topic = ''] = config.topics;
    const context = recordingContext();
    context.storing = 'by hand';
    const { connection } = await connected(config, context);
    const before = Date.now();
    const [id = ''] = server.publish(`projects/p/topics/${topic}`, { data: Buffer.from('{"a":1}'), attributes: { k: 'v' } });
    publish(topic, 'second');
    await expect.poll(() => context.received.length).toBe(2);
    const [first] = context.received;
    expect(first?.providerId).toBe(`${topic}/${id}`);
    expect(first?.attributes).toMatchObject({ attributes: { k: 'v' }, id, topic });
    expect(Number(first?.attributes['timestamp'])).toBeGreaterThanOrEqual(before);
    expect(definitionOf('googlePubSub').messageData?.({ attributes: first?.attributes ?? {}, body: first?.body ?? Buffer.of() })).toEqual({
      data: { a: 1 },
      attributes: { k: 'v' },
      id,
      timestamp: first?.attributes['timestamp'],
      topic,
    });
    expect(outstanding(config.integrationId, topic)).toBe(2);
    context.received[1]?.store();
    await expect.poll(() => outstanding(config.integrationId, topic)).toBe(1);
    first?.fail(new Error('not stored'));
    await connection.close({ drain: false });
    const { context: again } = await connected(config);
    await expect.poll(() => texts(again)).toEqual(['{"a":1}']);
    await expect.poll(() => held(config.integrationId, topic)).toBe(0);
  });

  it('keeps what is text as text and what is not as base64', () => {
    const dataOf = (body: Buffer): Record<string, unknown> | undefined =>
      definitionOf('googlePubSub').messageData?.({ attributes: { attributes: {}, id: '1', timestamp: 1, topic: 't' }, body });
    const rest = { attributes: {}, id: '1', timestamp: 1, topic: 't' };
    expect(dataOf(Buffer.from('plain {'))).toEqual({ data: 'plain {', ...rest });
    expect(dataOf(Buffer.from(''))).toEqual({ data: '', ...rest });
    expect(dataOf(Buffer.from('12'))).toEqual({ data: 12, ...rest });
    expect(dataOf(Buffer.of(0xff, 0xfe))).toEqual({ data: '//4=', encoding: 'base64', ...rest });
  });

  it('holds no more than 256, and none is forgotten or overtaken', async () => {
    const config = configured([aTopic()]);
    const [topic = ''] = config.topics;
    const context = recordingContext();
    context.storing = 'by hand';
    await connected(config, context);
    const sent = Array.from({ length: 600 }, (_, index) => `m${index}`);
    publish(topic, ...sent);
    await expect.poll(() => context.received.length).toBe(256);
    expect(outstanding(config.integrationId, topic)).toBe(256);
    context.storing = 'at once';
    for (const message of context.received) message.store();
    await expect.poll(() => texts(context)).toEqual(sent);
    await expect.poll(() => held(config.integrationId, topic)).toBe(0);
  });

  it('leaves no message behind when one as large as all that may wait is done', async () => {
    const config = configured([aTopic()]);
    const [topic = ''] = config.topics;
    const context = recordingContext();
    context.storing = 'by hand';
    await connected(config, context);
    publish(topic, Buffer.alloc(9_000_000), Buffer.alloc(9_000_000), 'small');
    await expect.poll(() => context.received.length).toBeGreaterThanOrEqual(2);
    context.storing = 'at once';
    for (const message of context.received) message.store();
    await expect.poll(() => texts(context).at(-1)).toBe('small');
    await expect.poll(() => held(config.integrationId, topic)).toBe(0);
  });

  it('stops while it is held, and goes on in order', async () => {
    const config = configured([aTopic()]);
    const [topic = ''] = config.topics;
    const { context } = await connected(config);
    context.hold(true);
    publish(topic, 'a', 'b');
    await expect.poll(() => outstanding(config.integrationId, topic)).toBe(2);
    expect(context.received).toEqual([]);
    context.hold(false);
    await expect.poll(() => texts(context)).toEqual(['a', 'b']);
  });

  it('stores and acknowledges what is at hand before it closes, and gives the rest back', async () => {
    const config = configured([aTopic()]);
    const [topic = ''] = config.topics;
    const context = recordingContext();
    context.storing = 'by hand';
    const { connection } = await connected(config, context);
    publish(topic, 'a');
    await expect.poll(() => texts(context)).toEqual(['a']);
    const leases = (): number => server.calls.get('ModifyAckDeadline') ?? 0;
    await expect.poll(leases).toBeGreaterThan(0);
    context.hold(true);
    const before = leases();
    publish(topic, 'b');
    await expect.poll(leases).toBeGreaterThan(before); // it has come: the client asked for a lease
    const closed = connection.close({ drain: true });
    context.received[0]?.store();
    await closed;
    const found = server.subscriptions.get(nameOf(config.integrationId, topic));
    expect(found?.waiting.map(({ message }) => Buffer.from(message.data ?? '').toString())).toEqual(['b']);
    expect(found?.outstanding.size).toBe(0);
  });

  it('goes on by itself when Google only ends a stream', async () => {
    const config = configured([aTopic()]);
    const [topic = ''] = config.topics;
    const { context } = await connected(config);
    publish(topic, 'a');
    await expect.poll(() => texts(context)).toEqual(['a']);
    server.endStreams(status.UNAVAILABLE);
    publish(topic, 'b');
    await expect.poll(() => texts(context), { timeout: 5_000 }).toEqual(['a', 'b']);
    expect(context.losses).toEqual([]);
  });
});

describe('a link that fails', () => {
  it('does not, when Google only asks for a new connection', async () => {
    const moving = await startGooglePubSub({ connectionAgeMs: 300 });
    try {
      moving.createTopic('projects/p/topics/t');
      const context = recordingContext();
      const connection = await plain(moving.port).connect(configured(['t']), context);
      const sent: string[] = [];
      // Every message is acknowledged by a call, and calls go to the new connection.
      await vi.waitUntil(
        async () => {
          moving.publish('projects/p/topics/t', { data: Buffer.from(`m${sent.length}`) });
          sent.push(`m${sent.length}`);
          await connection.probe();
          return context.dialled.length >= 3 || context.losses.length > 0;
        },
        { timeout: 8_000, interval: 50 },
      );
      await expect.poll(() => new Set(texts(context)).size, { timeout: 3_000 }).toBe(sent.length);
      expect(context.losses).toEqual([]);
      await connection.close({ drain: true });
    } finally {
      await moving.stop();
    }
  }, 15_000);

  it('is lost at once when it breaks, and dials no more by itself', async () => {
    const { connection, context } = await connected(configured([aTopic()]));
    server.proxy.drop();
    await expect.poll(() => context.losses).toMatchObject([{ code: 'lost', message: 'Connection Lost' }]);
    expect(await failure(connection.probe())).toMatchObject({ code: 'lost' });
    expect(
      await failure(connection.send?.({ id: 'r:n:0', payload: Buffer.from('x'), options: { topic: 't' } }) ?? Promise.resolve()),
    ).toMatchObject({
      code: 'lost',
    });
    await connection.close({ drain: true });
    expect(context.dialled.length).toBe(1);
  });

  it('is found out by a probe when it goes dark, and closes in time', async () => {
    const { connection, context } = await connected(configured([aTopic()]));
    server.proxy.mode({ kind: 'stall' });
    expect(await failure(connection.probe())).toMatchObject({ code: 'lost' });
    expect(context.losses).toEqual([]);
    await connection.close({ drain: false });
  }, 10_000);

  it.each([
    [status.PERMISSION_DENIED, 'unauthorized'],
    [status.UNAUTHENTICATED, 'unauthorized'],
  ])('says so when a stream is refused with %s: %s', async (code, meaning) => {
    server.behave('StreamingPull', { kind: 'refuse', code });
    const { context } = await connected(configured([aTopic()]));
    await expect.poll(() => context.losses).toMatchObject([{ name: 'ConnectorError', code: meaning }]);
  });

  it('is made anew when our subscription is removed under it', async () => {
    const config = configured([aTopic()]);
    const { connection, context } = await connected(config);
    await expect.poll(() => server.calls.get('StreamingPull') ?? 0).toBeGreaterThan(0);
    server.subscriptions.delete(nameOf(config.integrationId, config.topics[0] ?? ''));
    expect(await failure(connection.probe())).toMatchObject({ code: 'lost' });
    server.endStreams(status.NOT_FOUND);
    await expect.poll(() => context.losses).toMatchObject([{ code: 'lost' }]);
  });
});

describe('checking', () => {
  it('takes a service that knows no permissions, as the emulator is, for one that allows what it has', async () => {
    server.behave('TestIamPermissions', { kind: 'refuse', code: status.UNIMPLEMENTED });
    const context = checkContext();
    await provider.check?.(configured([aTopic(), 'missing']), context);
    server.behave('TestIamPermissions', { kind: 'answer' });
    expect(context.steps).toEqual(['authenticate', 'authorise', 'not authorise']);
  });
});

describe('publishing', () => {
  const send = async (connection: Connection, topic: string, payload = 'x', attributes?: Record<string, string>): Promise<unknown> =>
    await connection.send?.({ id: 'r:n:0', payload: Buffer.from(payload), options: { topic, ...(attributes && { attributes }) } });

  it('answers with the id of the message', async () => {
    const topic = aTopic();
    const { connection } = await connected(configured([]));
    const sent = await send(connection, topic, 'x', { k: 'v' });
    const [message] = server.published(`projects/p/topics/${topic}`);
    expect(sent).toEqual({ verdict: 'succeeded', result: { messageId: message?.messageId } });
    expect(message).toMatchObject({ attributes: { k: 'v' } });
    expect(Buffer.from(message?.data ?? '').toString()).toBe('x');
  });

  it('tells what Google refuses, and what it would', async () => {
    const topic = aTopic();
    const { connection } = await connected(configured([]));
    expect(await send(connection, 'nowhere')).toMatchObject({ verdict: 'failed', error: { type: 'NOT_FOUND' } });
    expect(await send(connection, topic, '')).toMatchObject({ verdict: 'failed', error: { type: 'Validation' } });
    expect(await send(connection, topic, 'x'.repeat(10_000_001))).toMatchObject({ verdict: 'failed', error: { type: 'Validation' } });
    expect(await send(connection, topic, 'x', { googclient: '1' })).toMatchObject({ verdict: 'failed' });
    server.behave('Publish', { kind: 'refuse', code: status.PERMISSION_DENIED });
    expect(await send(connection, topic)).toMatchObject({ verdict: 'failed', error: { type: 'PERMISSION_DENIED' } });
    server.behave('Publish', { kind: 'refuse', code: status.RESOURCE_EXHAUSTED });
    expect(await failure(send(connection, topic))).toMatchObject({ code: 'throttled' });
    expect(server.published(`projects/p/topics/${topic}`)).toEqual([]);
  });

  it('doesn’t wait for ever for an answer, and tries once', async () => {
    const topic = aTopic();
    const { connection } = await connected(configured([]));
    server.behave('Publish', { kind: 'hang' });
    const before = server.calls.get('Publish') ?? 0;
    expect(await send(connection, topic)).toMatchObject({ verdict: 'unknown' });
    expect((server.calls.get('Publish') ?? 0) - before).toBe(1);
  }, 10_000);
});
