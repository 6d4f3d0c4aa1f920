import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activity } from '#lib/contracts';
import { openConnection } from './connect.ts';
import { startFaultProxy } from '../../../test/servers/fault-proxy.ts';
import { type Bus, connectBus, migrateBus } from './index.ts';
import { aDeadLetter, anId, anInbound } from './testing/builders.ts';
import { startTestBus, type TestBus } from './testing/test-bus.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('requests, activity, dead letters and a bus that is away', () => {
  let test: TestBus;
  let bus: Bus;
  beforeAll(async () => {
    test = await startTestBus();
    bus = test.bus;
  });
  afterAll(() => test.stop());

  it('rejects what is asked of the streams when the link is lost, not when its time is up', async () => {
    const link = await startFaultProxy({ port: test.nats.port });
    const behind = await connectBus({ servers: `nats://127.0.0.1:${link.port}`, name: 'behind' });
    link.mode({ kind: 'stall' });
    const lost = { code: 'unavailable', message: expect.stringContaining('lost before it answered') as string };
    const asked = [
      behind.streamInfo('INBOUND'),
      behind.last('INBOUND', 'inbound.0.a.b'),
      behind.list('INBOUND', 'inbound.0.a.b'),
      behind.purge('INBOUND', 'inbound.0.a.b', 1),
      behind.remove('INBOUND', 1),
    ].map((one) => expect(one).rejects.toMatchObject(lost));
    link.drop();
    link.mode({ kind: 'pass' });
    await Promise.all(asked);
    await expect.poll(() => behind.streamInfo('INBOUND').catch(() => undefined)).toMatchObject({ messages: expect.any(Number) as number });
    await behind.close();
    await link.stop();
  });

  it('answers a request through any one of a queue', async () => {
    const answered: string[] = [];
    const serve = (who: string): { stop(): Promise<void> } =>
      bus.serve(
        'ask.test.*',
        async (subject, body) => {
          answered.push(who);
          return bytes(`${subject}:${Buffer.from(body).toString()}`);
        },
        { queue: 'q' },
      );
    const servers = [serve('one'), serve('two')];
    const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => bus.request('ask.test.x', bytes(String(n)), 2_000)));
    expect(replies.map((reply) => Buffer.from(reply).toString())).toEqual(Array.from({ length: 20 }, (_, n) => `ask.test.x:${n}`));
    expect(answered).toHaveLength(20);
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('tells apart that nobody answers, that nobody answers in time, and that the answer failed', async () => {
    await expect(bus.request('ask.nobody', bytes(''), 1_000)).rejects.toMatchObject({ code: 'noResponders' });
    let release: () => void = () => undefined;
    const slow = bus.serve('ask.slow', () => new Promise((resolve) => (release = () => resolve(bytes('')))));
    await expect(bus.request('ask.slow', bytes(''), 60)).rejects.toMatchObject({ code: 'timeout' });
    release();
    await slow.stop();
    const failing = bus.serve('ask.failing', () => Promise.reject(new Error('private')));
    const failed = bus.request('ask.failing', bytes(''), 2_000);
    await expect(failed).rejects.toMatchObject({ code: 'unavailable', message: expect.not.stringContaining('private') as string });
    await failing.stop();
  });

  it('shows live activity of every application, from now on', async () => {
    const activity = (body: Record<string, unknown>): Activity => ({
      kind: 'debug',
      id: anId(),
      applicationId: anId(),
      time: '2026-11-25T02:00:00.000Z',
      body,
    });
    bus.publishActivity(activity({ old: true }));
    await expect.poll(async () => (await bus.streamInfo('ACTIVITY')).messages).toBe(1);
    const seen: Activity[] = [];
    const reader = await bus.followActivity((next) => seen.push(next));
    const fresh = activity({ say: 'für dich' });
    bus.publishActivity(fresh);
    await expect.poll(() => seen).toEqual([fresh]);
    await reader.stop();
  });

  it('keeps a dead letter once, lists it, and removes it', async () => {
    const letter = aDeadLetter();
    const first = await bus.publishDeadLetter(letter);
    expect((await bus.publishDeadLetter(letter)).duplicate).toBe(true);
    const filter = `deadletter.${letter.applicationId}.>`;
    const listed = await bus.list('DEAD_LETTERS', filter);
    expect(listed.map((message) => JSON.parse(Buffer.from(message.body).toString()) as unknown)).toEqual([letter]);
    expect(await bus.list('DEAD_LETTERS', filter, { after: first.position })).toEqual([]);
    await bus.remove('DEAD_LETTERS', first.position);
    await bus.remove('DEAD_LETTERS', first.position);
    expect(await bus.list('DEAD_LETTERS', filter)).toEqual([]);
  });

  it('verifies what the migrator made, names a difference, and the migrator mends it', async () => {
    await bus.verify();
    const { connect } = await import('@nats-io/transport-node');
    const { jetstreamManager } = await import('@nats-io/jetstream');
    const connection = await connect({ servers: test.nats.url });
    const jsm = await jetstreamManager(connection);
    await jsm.streams.update('OUTBOUND', { max_msgs_per_subject: 10 });
    await jsm.streams.delete('KV_KEYS');
    await expect(bus.verify()).rejects.toThrow(/OUTBOUND: max_msgs_per_subject is 10 instead of 1000; KV_KEYS is missing/);
    await migrateBus({ servers: test.nats.url, name: 'again' }, { streamBytes: 1024 * 1024, replicas: 1 });
    await bus.verify();
    // What an installation has stored may need the room: a bound is never lowered.
    expect((await jsm.streams.info('INBOUND')).config.max_bytes).toBe(256 * 1024 * 1024);
    await connection.close();
  });

  it('lets several migrators start together', async () => {
    const migrate = (): Promise<void> =>
      migrateBus({ servers: test.nats.url, name: 'together' }, { streamBytes: 256 * 1024 * 1024, replicas: 1 });
    await expect(Promise.all([migrate(), migrate(), migrate()])).resolves.toHaveLength(3);
    await bus.verify();
  });

  it('refuses by bytes when INBOUND is full as a whole', async () => {
    const small = await startTestBus(1024 * 1024);
    const body = new Uint8Array(200_000);
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => small.bus.publishInbound(anInbound({ body }), undefined, undefined)),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(['full', 'full', 'full']);
    await small.stop();
  });

  it('rejects at once while the bus is away, says so, and comes back by itself', async () => {
    const away = await startTestBus();
    const said: boolean[] = [];
    away.bus.onConnection((connected) => said.push(connected));
    await away.nats.kill();
    await expect.poll(() => away.bus.connected).toBe(false);
    await expect(away.bus.publishInbound(anInbound(), undefined, undefined)).rejects.toMatchObject({ code: 'unavailable' });
    away.bus.publishActivity({ kind: 'run', id: 'x', applicationId: anId(), time: '2026-11-25T02:00:00.000Z', body: {} });
    expect(away.bus.activityDropped).toBe(1);
    await away.nats.start();
    await expect.poll(() => away.bus.connected, { timeout: 10_000 }).toBe(true);
    await away.bus.publishInbound(anInbound(), undefined, undefined);
    expect(said).toEqual([false, true]);
    await away.stop();
  });

  it('rejects what was outstanding when the connection broke', async () => {
    const away = await startTestBus();
    const outcomes: string[] = [];
    const publish = async (): Promise<void> => {
      while (outcomes.length < 200) {
        const outcome = await away.bus.publishInbound(anInbound(), undefined, undefined).then(
          () => 'stored',
          (error: { code: string }) => error.code,
        );
        outcomes.push(outcome);
      }
    };
    const publishers = Promise.all(Array.from({ length: 50 }, publish));
    await away.nats.kill();
    await publishers;
    expect(new Set(outcomes.filter((outcome) => outcome !== 'stored'))).toEqual(new Set(['unavailable']));
    await away.stop();
  });

  it('names the server it cannot reach, without its password', async () => {
    const failed = openConnection({ servers: 'nats://user:hidden@127.0.0.1:1', name: 'nobody' }, 300);
    await expect(failed).rejects.toMatchObject({ code: 'unavailable', message: 'no NATS server answers at nats://127.0.0.1:1' });
  });
});
