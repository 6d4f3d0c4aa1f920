import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Connection, ConnectionConfig, Provider } from '#lib/connector-sdk';
import { keyFiles } from '../../../../test/providers/google-pubsub.ts';
import { type RecordingContext, recordingContext } from '../../../../test/servers/connection-context.ts';
import { type GooglePubSubServer, startGooglePubSub } from '../../../../test/servers/google-pubsub.ts';
import type { ResolvedGooglePubSubConfig } from './config.ts';
import { googlePubSubProvider } from './provider.ts';

type Config = ConnectionConfig<ResolvedGooglePubSubConfig>;

interface Linked {
  readonly config: Config;
  readonly connection: Connection;
  readonly context: RecordingContext;
}

const { keyJson } = keyFiles();
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
  for (const method of ['Publish', 'GetSubscription', 'StreamingPull'] as const) server.behave(method, { kind: 'answer' });
  await vi.waitUntil(() => server.proxy.open === 0, { timeout: 20_000 });
});
afterAll(async () => await server.stop());

const topicsOf = (count: number, of = server): string[] =>
  Array.from({ length: count }, () => {
    const topic = `t${++names}`;
    of.createTopic(`projects/p/topics/${topic}`);
    return topic;
  });
const configured = (changes: Partial<Config> = {}): Config => ({
  integrationId: (++names).toString(16).padStart(24, '0'),
  applicationId: 'a',
  topics: topicsOf(1),
  config: { keyJson: keyJson('k') },
  assignedClientId: '',
  ...changes,
});
async function linked(changes: Partial<Config> = {}, context = recordingContext(), through = provider): Promise<Linked> {
  const config = configured(changes);
  const connection = await through.connect(config, context);
  open.push(connection);
  return { config, connection, context };
}
const failure = async (promise: Promise<unknown> | undefined): Promise<unknown> =>
  await promise?.then(
    () => undefined,
    (error: unknown) => error,
  );
const publish = ({ config }: Linked, ...bodies: (string | Buffer)[]): string[] =>
  server.publish(`projects/p/topics/${config.topics[0]}`, ...bodies.map((body) => ({ data: Buffer.from(body) })));
const texts = ({ context }: Linked): string[] => context.received.map(({ body }) => Buffer.from(body).toString());
const send = async ({ connection, config }: Linked): Promise<unknown> =>
  await connection.send?.({ id: 'r:n:0', payload: Buffer.from('x'), options: { topic: config.topics[0] } });

describe('a connection', () => {
  it('is shared by integrations of an application that use the same key in the same project, and by nobody else', async () => {
    const [one, two] = [await linked(), await linked()];
    expect(server.proxy.open).toBe(1);
    await linked({ config: { keyJson: keyJson('another') } });
    expect(server.proxy.open).toBe(2);
    await linked({ applicationId: 'b' });
    expect(server.proxy.open).toBe(3);
    await linked({ config: { keyJson: keyJson('k'), projectId: 'q' }, topics: [] });
    expect(server.proxy.open).toBe(4);
    expect([...one.context.dialled, ...two.context.dialled]).toEqual([`127.0.0.1:${server.port}`]);
    publish(one, 'to one');
    publish(two, 'to two');
    await expect.poll(() => [texts(one), texts(two)]).toEqual([['to one'], ['to two']]);
  });

  it('carries 40 streams, and the next goes over another', async () => {
    await linked({ topics: topicsOf(30) });
    await linked({ topics: topicsOf(10) });
    expect(server.proxy.open).toBe(1);
    const next = await linked();
    expect(server.proxy.open).toBe(2);
    publish(next, 'a');
    await expect.poll(() => texts(next)).toEqual(['a']);
  });

  it('stays for the others when one is closed, whoever dialled it, and ends with the last', async () => {
    const [first, second] = [await linked(), await linked()];
    second.context.storing = 'by hand';
    publish(second, 'a');
    await expect.poll(() => texts(second)).toEqual(['a']);
    publish(first, 'b');
    await first.connection.close({ drain: true });
    second.context.received[0]?.store();
    publish(second, 'c');
    await expect.poll(() => texts(second)).toEqual(['a', 'c']);
    await second.connection.probe();
    expect(second.context.losses).toEqual([]);
    expect(server.proxy.open).toBe(1);
    await second.connection.close({ drain: false });
    await expect.poll(() => server.proxy.open).toBe(0);
  });

  it('asks once for the subscriptions of topics that went away, for all who have come', async () => {
    const before = server.calls.get('ListSubscriptions') ?? 0;
    const configs = [configured(), configured(), configured()];
    const stale = configs.map(({ integrationId, topics: [topic] }) => {
      const name = `projects/p/subscriptions/sluice-${integrationId}-gone`;
      server.subscribe(name, `projects/p/topics/${topic}`, { 'sluice-integration': integrationId });
      return name;
    });
    await Promise.all(configs.map(async (config) => await linked(config)));
    await expect.poll(() => stale.filter((name) => server.subscriptions.has(name))).toEqual([]);
    expect((server.calls.get('ListSubscriptions') ?? 0) - before).toBe(1);
  });

  it('is dialled anew through whoever is there when Google asks for a new one', async () => {
    const moving = await startGooglePubSub({ connectionAgeMs: 300 });
    try {
      const through = plain(moving.port);
      const gone = await linked({ topics: topicsOf(1, moving) }, recordingContext(), through);
      const left = [
        await linked({ topics: topicsOf(1, moving) }, recordingContext(), through),
        await linked({ topics: topicsOf(1, moving) }, recordingContext(), through),
      ];
      await gone.connection.close({ drain: true });
      const dials = (): number => left.reduce((sum, { context }) => sum + context.dialled.length, 0);
      const sent: string[] = [];
      await vi.waitUntil(
        async () => {
          sent.push(`m${sent.length}`);
          for (const { config, connection } of left) {
            moving.publish(`projects/p/topics/${config.topics[0]}`, { data: Buffer.from(sent.at(-1) ?? '') });
            await connection.probe();
          }
          return dials() >= 2;
        },
        { timeout: 20_000, interval: 50 },
      );
      for (const one of left) {
        await expect.poll(() => new Set(texts(one)).size).toBe(sent.length);
        expect(one.context.losses).toEqual([]);
        await one.connection.close({ drain: true });
      }
    } finally {
      await moving.stop();
    }
  });
});

describe('trouble with a shared connection', () => {
  it('is told to all when it breaks, and they share the next', async () => {
    const both = [await linked(), await linked()];
    server.proxy.drop();
    for (const { context, connection } of both) {
      await expect.poll(() => context.losses).toMatchObject([{ code: 'lost', message: 'Connection Lost' }]);
      await connection.close({ drain: false });
    }
    const again = await Promise.all(both.map(async ({ config }) => await linked(config)));
    expect(server.proxy.open).toBe(1);
    for (const one of again) {
      publish(one, 'a');
      await expect.poll(() => texts(one)).toEqual(['a']);
    }
  });

  it('is found out by each when it goes dark, and whoever connects again does not join it', async () => {
    const [one, two] = [await linked(), await linked()];
    server.proxy.mode({ kind: 'stall' });
    expect(await failure(one.connection.probe())).toMatchObject({ code: 'lost' });
    await one.connection.close({ drain: false });
    expect(await failure(two.connection.probe())).toMatchObject({ code: 'lost' });
    expect(two.context.losses).toEqual([]);
    const accepted = server.proxy.accepted;
    const context = recordingContext();
    const attempt = linked(one.config, context);
    await expect.poll(() => server.proxy.accepted).toBe(accepted + 1);
    server.proxy.mode({ kind: 'pass' });
    const healed = await attempt;
    publish(healed, 'a');
    await expect.poll(() => texts(healed)).toEqual(['a']);
  });

  it('is told to all who wait for it when the guard forbids the host', async () => {
    let dials = 0;
    const forbid = (error: Error): RecordingContext => {
      const context = recordingContext();
      context.dial = () => {
        dials++;
        return Promise.reject(error);
      };
      return context;
    };
    const error = Object.assign(new Error('p.example is private.'), { code: 'egressForbidden' });
    const attempts = [linked({}, forbid(error)), linked({}, forbid(error))].map(failure);
    for (const attempt of attempts) expect(await attempt).toMatchObject({ code: 'misconfigured', message: 'p.example is private.' });
    expect(dials).toBe(1);
    expect(server.proxy.open).toBe(0);
  });

  it('does not come of one that gives up while it dials: another of those who wait dials in its place', async () => {
    const context = recordingContext();
    let dialling = false;
    context.dial = async () => {
      dialling = true;
      return await new Promise((_resolve, reject) => context.signal.addEventListener('abort', () => reject(new Error('aborted'))));
    };
    const given = failure(linked({}, context));
    const waiting = linked();
    await expect.poll(() => dialling).toBe(true);
    context.controller.abort();
    expect(await given).toMatchObject({ code: 'lost', message: 'The attempt to connect was given up.' });
    const one = await waiting;
    expect(one.context.dialled).toHaveLength(1);
    publish(one, 'a');
    await expect.poll(() => texts(one)).toEqual(['a']);
  });

  it('is not what a refused key is: each is told, and the connection is used again', async () => {
    const both = [await linked(), await linked()];
    server.behave('GetSubscription', { kind: 'refuse', code: status.UNAUTHENTICATED });
    for (const { connection } of both) expect(await failure(connection.probe())).toMatchObject({ code: 'unauthorized' });
    await both[0]?.connection.close({ drain: false });
    expect(await failure(linked(both[0]?.config))).toMatchObject({ code: 'unauthorized' });
    server.behave('GetSubscription', { kind: 'answer' });
    const again = await linked(both[0]?.config);
    await both[1]?.connection.probe();
    expect(server.proxy.open).toBe(1);
    publish(again, 'a');
    await expect.poll(() => texts(again)).toEqual(['a']);
  });
});

describe('one that keeps a shared connection busy', () => {
  it('receives no more while it is held back, and the others do', async () => {
    const slow = recordingContext();
    slow.storing = 'by hand';
    const [held, other] = [await linked({}, slow), await linked()];
    const large = Array.from({ length: 40 }, (_, index) => Buffer.alloc(1_000_000, index));
    publish(held, ...large);
    // Its flow control is used up, and the streams' windows after it.
    await expect.poll(() => slow.received.length).toBeGreaterThan(15);
    const bodies = Array.from({ length: 20 }, (_, index) => Buffer.alloc(500_000, index));
    publish(other, ...bodies);
    await expect.poll(() => other.context.received.length).toBe(bodies.length);
    await other.connection.probe();
    expect(slow.received.length).toBeLessThan(large.length);
    slow.storing = 'at once';
    for (const message of slow.received) message.store();
    await expect.poll(() => slow.received.length).toBe(large.length);
  });

  it('publishes what is not answered, and the others are answered still', async () => {
    const [stuck, other] = [await linked(), await linked()];
    server.behave('Publish', { kind: 'hang' });
    const before = server.calls.get('Publish') ?? 0;
    const sends = Array.from({ length: 200 }, () => failure(send(stuck)));
    await expect.poll(() => (server.calls.get('Publish') ?? 0) - before).toBe(30);
    server.behave('Publish', { kind: 'answer' });
    expect(await send(other)).toMatchObject({ verdict: 'succeeded' });
    await other.connection.probe();
    await stuck.connection.close({ drain: false });
    await Promise.all(sends);
    expect(other.context.losses).toEqual([]);
  });

  it('is closed, and what waited for its turn is not sent', async () => {
    const [busy, other] = [await linked(), await linked()];
    const before = server.calls.get('Publish') ?? 0;
    const sends = Array.from({ length: 200 }, () => failure(send(busy)));
    const others = Array.from({ length: 20 }, () => send(other));
    await busy.connection.close({ drain: false });
    // Of those that wait it is known that they were not sent.
    expect((await Promise.all(sends)).filter((error) => error !== undefined)).toHaveLength(170);
    // Ten of them wait among those which are not sent.
    for (const sent of others) expect(await sent).toMatchObject({ verdict: 'succeeded' });
    await expect.poll(() => (server.calls.get('Publish') ?? 0) - before).toBe(50);
  });
});
