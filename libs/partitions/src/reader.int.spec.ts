import { connect } from '@nats-io/transport-node';
import { newResourceId, partitionOf, type InboundEvent } from '#lib/contracts';
import { openDatabase } from '#lib/event-sourcing';
import { connectBus, migrateBus, type Bus, type StoredInbound } from '#lib/messaging';
import { getRandomValues, randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestNats, type TestNats } from '../../../test/servers/nats.ts';
import { startTestPostgres, type TestPostgres } from '../../../test/servers/postgres.ts';
import { createPartitionReader, positionMigrations, StreamChangedError } from './index.ts';
import type { Item, PartitionReader, PartitionReaderOptions } from './index.ts';

const POLL = { timeout: 20_000, interval: 20 };

let nats: TestNats;
let postgres: TestPostgres;
let bus: Bus;
let database: DataSource;
let schemas = 0;
let token = 1;
let numbers = 0;
const readers: PartitionReader[] = [];

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  await migrateBus({ servers: nats.url, name: 'migrate' }, { streamBytes: 64 * 1024 * 1024, replicas: 1 });
  bus = await connectBus({ servers: nats.url, name: 'test' });
});
beforeEach(async () => {
  const schema = `reader${schemas++}`;
  database = await openDatabase({ url: postgres.url, schema, migrations: positionMigrations() });
  await database.query(`create table effects (partition smallint, number int)`);
  for (let partition = 0; partition < 64; partition++) await bus.purge('INBOUND', `inbound.${partition}.>`, Number.MAX_SAFE_INTEGER - 1);
});
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.stop()));
  await database.destroy();
});
afterAll(async () => {
  await bus.close();
  await Promise.all([nats.stop(), postgres.stop()]);
});

/** An application of this partition. */
function anApplicationIn(partition: number): string {
  for (;;) {
    const id = newResourceId(Date.now(), getRandomValues);
    if (partitionOf(id) === partition) return id;
  }
}
const SOURCE = 'a'.repeat(24);
const applications = [anApplicationIn(0), anApplicationIn(1)] as const;

async function publish(count: number, partition: 0 | 1 = 0): Promise<number[]> {
  const sent = Array.from({ length: count }, () => ++numbers);
  const event = (number: number): InboundEvent => ({
    type: 'message',
    id: randomUUID(),
    applicationId: applications[partition],
    sourceId: SOURCE,
    sourceType: 'mqtt',
    time: new Date().toISOString(),
    number,
    configSequence: 0,
    attributes: {},
    body: Buffer.from('x'),
  });
  await Promise.all(sent.map((number) => bus.publishInbound(event(number), undefined, undefined)));
  return sent;
}

type Options = PartitionReaderOptions<StoredInbound, number>;
function read(onMessage: Options['onMessage'], over: Partial<Options> = {}): PartitionReader {
  const reader = createPartitionReader<StoredInbound, number>({
    bus,
    database,
    stream: 'INBOUND',
    read: (options) => bus.readInbound(options),
    faultPoint: 'none',
    prepare: async () => undefined,
    onMessage,
    onPoison: (_, item) => item.done(-1),
    apply: async (transaction, batches) => {
      for (const { partition, passed } of batches)
        for (const { effect } of passed) await transaction.query('insert into effects values ($1, $2)', [partition, effect]);
    },
    onFenced: () => undefined,
    onError: () => undefined,
    drainMs: 1_000,
    ...over,
  });
  readers.push(reader);
  return reader;
}
const finish: Options['onMessage'] = (message, item) => item.done(message.number ?? 0);
const leases = (...partitions: number[]): { partition: number; token: number }[] =>
  partitions.map((partition) => ({ partition, token: token++ }));
const applied = async (): Promise<number[]> =>
  (await database.query<{ number: number }[]>('select number from effects order by number')).map(({ number }) => number);
const left = async (): Promise<number> => (await bus.list('INBOUND', 'inbound.>', { max: 10_000 })).length;

describe('a partition reader', () => {
  it('commits each message once with its effect, however they finish, and purges what is committed', async () => {
    const sent = await publish(1_200);
    const held: { number: number; item: Item<number> }[] = [];
    const delivered: number[] = [];
    const reader = read(({ number = 0 }, item) => {
      delivered.push(number);
      held.push({ number, item });
    });
    await reader.take(leases(0));
    await expect.poll(() => held.length, POLL).toBe(1_200);
    expect(delivered).toEqual(sent);
    const [first, ...rest] = held;
    for (const { number, item } of rest.toReversed()) item.done(number);
    reader.requestCommit(0);
    await expect
      .poll(async () => (await database.query<{ version: string }[]>('select version from positions'))[0]?.version, POLL)
      .not.toBe('0');
    expect(await applied()).toEqual([]);
    first?.item.done(first.number);
    await expect.poll(applied, POLL).toEqual(sent);
    await expect.poll(left, POLL).toBe(0);
    expect(reader.ready()).toEqual({ ok: true });
  });

  it('goes on behind the last commit in a successor, without loss or repetition', async () => {
    const sent = await publish(300);
    let given = 0;
    const first = read((message, item) => {
      // The last hundred are never finished: they are the successor's.
      if (++given <= 200) finish(message, item);
    });
    await first.take(leases(0));
    await expect.poll(() => given, POLL).toBe(300);
    // Its stop waits for a commit no longer than it may.
    await expect.poll(applied, POLL).toEqual(sent.slice(0, 200));
    await first.stop();
    expect(await applied()).toEqual(sent.slice(0, 200));
    const again: number[] = [];
    const second = read((message, item) => {
      again.push(message.number ?? 0);
      finish(message, item);
    });
    await second.take(leases(0));
    sent.push(...(await publish(50)));
    await expect.poll(applied, POLL).toEqual(sent);
    expect(again).toEqual(sent.slice(200));
  });

  it('is refused by its token once another holder has taken the partition, and says so', async () => {
    const sent = await publish(5);
    const items: { number: number; item: Item<number> }[] = [];
    const fenced: number[] = [];
    const stale = read(({ number = 0 }, item) => void items.push({ number, item }), {
      onFenced: (partition) => void fenced.push(partition),
    });
    await stale.take(leases(0));
    await expect.poll(() => items.length, POLL).toBe(5);
    await read(finish).take(leases(0));
    await expect.poll(applied, POLL).toEqual(sent);
    for (const { number, item } of items) item.done(number);
    await expect.poll(() => fenced, POLL).toEqual([0]);
    expect(await applied()).toEqual(sent);
    expect(stale.committed(0)).toBeUndefined();
  });

  it('does not take what a later holder has', async () => {
    const [older, newer] = [leases(0), leases(0)];
    await read(finish).take(newer);
    const fenced: number[] = [];
    const late = read(finish, { onFenced: (partition) => void fenced.push(partition) });
    await late.take(older);
    expect(fenced).toEqual([0]);
    expect(late.committed(0)).toBeUndefined();
  });

  it('applies a commit whose answer was lost only once', async () => {
    let lost = 0;
    const forgetful = Object.create(database) as DataSource;
    forgetful.createQueryRunner = () => {
      const session = database.createQueryRunner();
      const connect = session.connect.bind(session);
      session.connect = async (): Promise<unknown> => {
        const client = (await connect()) as { query(...asked: unknown[]): Promise<unknown> };
        return {
          query: async (...asked: unknown[]) => {
            const result = await client.query(...asked);
            if (asked[0] === 'commit' && lost++ === 0) throw new Error('connection lost');
            return result;
          },
        };
      };
      return session;
    };
    const sent = await publish(10);
    await read(finish, { database: forgetful }).take(leases(0));
    await expect.poll(() => lost, POLL).toBeGreaterThan(0);
    sent.push(...(await publish(10)));
    await expect.poll(applied, POLL).toEqual(sent);
  });

  it('lets one partition that is stuck hold up no other, and catches up in order', async () => {
    const stuck: { number: number; item: Item<number> }[] = [];
    let open = false;
    const order: number[] = [];
    const reader = read(
      (message, item) => {
        if (item.partition === 0) order.push(message.number ?? 0);
        if (item.partition === 0 && !open) stuck.push({ number: message.number ?? 0, item });
        else finish(message, item);
      },
      { limits: { partition: 20, total: 1_000 } },
    );
    await reader.take(leases(0, 1));
    const slow = await publish(300, 0);
    const quick = await publish(300, 1);
    await expect.poll(applied, POLL).toEqual(quick);
    expect(stuck).toHaveLength(20);
    open = true;
    for (const { number, item } of stuck) item.done(number);
    slow.push(...(await publish(100, 0)));
    await expect.poll(async () => (await applied()).length, POLL).toBe(700);
    expect(order).toEqual(slow);
  });

  it('finishes, commits and purges what is in flight when it gives a partition back, and takes no more of it', async () => {
    const sent = await publish(5);
    const items: { number: number; item: Item<number> }[] = [];
    const reader = read(({ number = 0 }, item) => void items.push({ number, item }));
    const given = leases(0);
    await reader.take(given);
    await expect.poll(() => items.length, POLL).toBe(5);
    const released = reader.release(given);
    await publish(1);
    for (const { number, item } of items) item.done(number);
    await released;
    expect(await applied()).toEqual(sent);
    expect(await left()).toBe(1);
    expect(items).toHaveLength(5);
  });

  it('waits for what is in flight no longer than it may', async () => {
    const [first] = await publish(2);
    const reader = read((message, item) => message.number === first && finish(message, item), { drainMs: 50 });
    const given = leases(0);
    await reader.take(given);
    await expect.poll(applied, POLL).toEqual([first]);
    await reader.release(given);
    expect(reader.committed(0)).toBeUndefined();
  });

  it('has room again for what it lost unfinished', async () => {
    let seen = 0;
    const reader = read(
      (message, item) => {
        seen++;
        if (item.partition === 1) finish(message, item);
      },
      { limits: { bytes: 4_000 } },
    );
    await publish(2, 0);
    for (let round = 0; round < 5; round++) {
      const given = leases(0);
      const before = seen;
      await reader.take(given);
      await expect.poll(() => seen - before, POLL).toBe(2);
      reader.lose(given);
    }
    // More than a consumer has pulled before it hears that there is no room.
    const sent = await publish(1_500, 1);
    await reader.take(leases(1));
    await expect.poll(applied, POLL).toEqual(sent);
  });

  it('delivers nothing before it is prepared, and gives up a take-over that could not be', async () => {
    const sent = await publish(1);
    let prepared = 0;
    const reader = read(
      (message, item) => {
        expect(prepared).toBe(2);
        finish(message, item);
      },
      {
        prepare: async (held) => {
          expect(held).toMatchObject([{ partition: 0, committed: 0 }]);
          if (prepared++ === 0) throw new Error('not now');
        },
      },
    );
    await expect(reader.take(leases(0))).rejects.toThrow('not now');
    expect(reader.committed(0)).toBeUndefined();
    await reader.take(leases(0));
    await expect.poll(applied, POLL).toEqual(sent);
  });

  it('passes a message that can not be read, and those behind it', async () => {
    const raw = await connect({ servers: nats.url });
    raw.publish(`inbound.0.${applications[0]}.${SOURCE}`, 'garbage');
    await raw.drain();
    const sent = await publish(3);
    await read(finish).take(leases(0));
    await expect.poll(applied, POLL).toEqual([-1, ...sent]);
  });

  it('reads further partitions and fewer as they come and go', async () => {
    const reader = read(finish);
    const [zero, one] = leases(0, 1);
    if (zero === undefined || one === undefined) throw new Error('no leases');
    await reader.take([zero]);
    const sent = [...(await publish(20, 0)), ...(await publish(20, 1))];
    await expect.poll(async () => (await applied()).length, POLL).toBe(20);
    await reader.take([one]);
    await expect.poll(applied, POLL).toEqual(sent);
    await reader.release([zero]);
    const kept = await publish(5, 0);
    sent.push(...(await publish(5, 1)));
    await expect.poll(applied, POLL).toEqual(sent);
    await reader.take(leases(0));
    await expect.poll(applied, POLL).toEqual([...sent, ...kept].sort((a, b) => a - b));
  });

  it('stops loudly when the stream is another one than its positions were taken from', async () => {
    await database.query(`insert into positions values ('INBOUND', 0, 7, 0, 0, '2020-01-01T00:00:00Z')`);
    const reader = read(finish);
    await expect(reader.take(leases(0))).rejects.toBeInstanceOf(StreamChangedError);
    expect(reader.ready().reason).toContain('INBOUND');
  });

  it('holds while PostgreSQL is away, says so, and goes on without loss or repetition', async () => {
    const reader = read(finish);
    await reader.take(leases(0));
    const sent = await publish(100);
    await expect.poll(applied, POLL).toEqual(sent);
    await postgres.kill();
    sent.push(...(await publish(500)));
    await expect.poll(() => reader.ready().ok, POLL).toBe(false);
    await postgres.start();
    await expect.poll(applied, POLL).toEqual(sent);
    await expect.poll(() => reader.ready().ok, POLL).toBe(true);
  });

  it('goes on after the bus was restarted', async () => {
    const reader = read(finish);
    await reader.take(leases(0));
    const sent = await publish(10);
    await nats.restart();
    await expect.poll(() => bus.connected, POLL).toBe(true);
    sent.push(...(await publish(10)));
    await expect.poll(applied, POLL).toEqual(sent);
    await expect.poll(left, POLL).toBe(0);
  });
});
