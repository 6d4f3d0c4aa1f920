import { randomInt } from 'node:crypto';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSubject } from '#lib/contracts';
import { EventStore, EventStoreError, eventStoreMigrations, openDatabase, Relay, type StoredEvent } from '#lib/event-sourcing';
import { type Bus, connectBus, migrateBus } from '#lib/messaging';
import { createLogger } from '#lib/platform';
import { publishState } from '../../apps/config/src/relay.ts';
import { startTestNats, type TestNats } from '../servers/nats.ts';
import { startTestPostgres, type TestPostgres } from '../servers/postgres.ts';
import { LONG, recordFigure } from './figures.ts';

const WRITERS = 8;
const APPENDS = LONG ? 10_000 : 2_000;
const ROLLBACKS = 0.05;
const STREAMS = 40;
/** Each dead relay keeps a connection that listens, as a halted process would. */
const MAX_DEATHS = 16;
const SCHEMA = 'promise5';
const log = createLogger({ service: 'test', level: 'silent' });
const idOf = (stream: number): string => stream.toString(16).padStart(24, '0');
const APPLICATION = 'a'.repeat(24);

let postgres: TestPostgres;
let nats: TestNats;
let bus: Bus;
let writers: DataSource[];
let database: DataSource;
beforeAll(async () => {
  [postgres, nats] = await Promise.all([startTestPostgres(), startTestNats()]);
  await migrateBus({ servers: nats.url, name: 'test' }, { streamBytes: 1024 * 1024 * 1024, replicas: 1 });
  bus = await connectBus({ servers: nats.url, name: 'test' });
  const open = (poolSize: number): Promise<DataSource> =>
    openDatabase({ url: postgres.url, schema: SCHEMA, migrations: eventStoreMigrations, poolSize });
  database = await open(MAX_DEATHS + 8);
  writers = await Promise.all(Array.from({ length: WRITERS }, () => open(2)));
});
afterAll(async () => {
  await bus.close();
  await Promise.all([...writers, database].map((each) => each.destroy()));
  await Promise.all([postgres.stop(), nats.stop()]);
});

const storeOn = (source: DataSource): EventStore => new EventStore(source, { upcasters: {}, project: () => ({}) });

/** Appends until it has its share; loses against other writers of a stream, and rolls back now and then. */
async function write(source: DataSource, count: number): Promise<number> {
  const store = storeOn(source);
  let rolledBack = 0;
  for (let done = 0; done < count;) {
    const id = idOf(randomInt(STREAMS));
    const expectedVersion = (await store.last({ kind: 'workflow', id }))?.version ?? 0;
    const gives = Math.random() < ROLLBACKS;
    const event = {
      kind: 'workflow',
      streamId: id,
      applicationId: APPLICATION,
      subtype: '-',
      expectedVersion,
      type: 'WorkflowUpdated',
      schemaVersion: 1,
      state: { id, n: done },
    };
    const alongside = async (): Promise<void> => {
      if (gives) throw new Error('rolled back');
    };
    try {
      await store.append([event], { actor: { type: 'system', id: 'test' }, time: new Date().toISOString(), alongside });
      done++;
    } catch (error) {
      if (gives) rolledBack++;
      else if (!(error instanceof EventStoreError)) throw error;
    }
  }
  return rolledBack;
}

/** How a relay ends in the middle: killed before or after its publish, or halted just before it and woken when others have long gone on. */
const ENDS = ['killed before', 'killed after', 'halted'] as const;
type End = (typeof ENDS)[number];

class MortalRelays {
  /** Positions in the order in which any relay first had them on the bus. */
  readonly published = new Set<number>();
  readonly #alive = new Set<Relay>();
  readonly #dead: { readonly relay: Relay; readonly wake: () => void }[] = [];
  staleRefused = 0;

  start(): void {
    const diesAt = 1 + randomInt(200);
    const end: End = ENDS[randomInt(ENDS.length)] ?? 'halted';
    let passed = 0;
    let dead = false;
    const die = async (): Promise<void> => {
      dead = true;
      await this.#die(relay);
    };
    const relay: Relay = new Relay({
      database,
      store: storeOn(database),
      log,
      target: () => Promise.resolve('CONFIG'),
      publish: async (event, epoch) => {
        // One that is to halt before a write may find its event written by the other: then it does so at a later one.
        const now = !dead && ++passed >= diesAt && this.deaths < MAX_DEATHS ? end : undefined;
        if (now === 'killed before') await die();
        await publishState(now === 'halted' ? this.#haltingBus(die) : bus, event, epoch);
        this.published.add(event.position);
        if (now === 'killed after') await die();
      },
    });
    this.#alive.add(relay);
  }

  /** Nothing more happens in this relay until all is over; another one takes over. */
  async #die(relay: Relay): Promise<void> {
    this.#alive.delete(relay);
    this.start();
    await new Promise<void>((wake) => this.#dead.push({ relay, wake }));
  }

  /** A bus whose publish is sent long after the look at the subject that it relies on. */
  #haltingBus(die: () => Promise<void>): Pick<Bus, 'last' | 'publishConfig'> {
    let halted = false;
    return {
      last: (stream, subject) => bus.last(stream, subject),
      publishConfig: async (change, options) => {
        if (!halted) await die();
        halted = true;
        return await bus.publishConfig(change, options).catch((error: unknown) => {
          this.staleRefused++;
          throw error;
        });
      },
    };
  }

  /** Ends all: those that died wake first, with what they were about to do. */
  async finish(): Promise<void> {
    for (const { relay, wake } of this.#dead) {
      const stopped = relay.stop();
      wake();
      await stopped;
    }
    await Promise.all([...this.#alive].map((relay) => relay.stop()));
  }

  get deaths(): number {
    return this.#dead.length;
  }
}

/** What the order of a sequence alone is worth: rows that a tail by id never sees, as they commit after a later one was read. */
async function naiveTail(appends: number): Promise<number> {
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    return client;
  };
  const [reader, ...clients] = await Promise.all(Array.from({ length: WRITERS + 1 }, connect));
  if (reader === undefined) throw new Error('no connection');
  await reader.query('create table naive (id bigserial primary key)');
  let writing = true;
  const seen = new Set<number>();
  const tail = (async () => {
    let after = 0;
    for (let last = false; !last;) {
      last = !writing;
      const { rows } = await reader.query<{ id: string }>('select id from naive where id > $1 order by id limit 100', [after]);
      for (const { id } of rows) seen.add(Number(id));
      after = Number(rows.at(-1)?.id ?? after);
      if (rows.length > 0) last = false;
    }
  })();
  await Promise.all(
    clients.map(async (client) => {
      for (let n = 0; n < appends / WRITERS; n++) {
        await client.query('begin');
        await client.query('insert into naive default values');
        await client.query('select pg_sleep(random() * 0.002)');
        await client.query('commit');
      }
    }),
  );
  writing = false;
  await tail;
  const { rows } = await reader.query<{ id: string }>('select id from naive');
  await Promise.all([reader, ...clients].map((client) => client.end()));
  return rows.filter(({ id }) => !seen.has(Number(id))).length / rows.length;
}

describe('promise 5: the event store', () => {
  it('loses no event and puts no old state on the bus, whenever its relay is killed or halted', { timeout: 300_000 }, async () => {
    const relays = new MortalRelays();
    relays.start();
    relays.start(); // two at once: each publishes what it finds
    const rollbacks = (await Promise.all(writers.map((source) => write(source, APPENDS / WRITERS)))).reduce((sum, n) => sum + n, 0);
    await expect.poll(() => relays.published.has(APPENDS), { timeout: 120_000, interval: 50 }).toBe(true);
    await relays.finish();

    const events: StoredEvent[] = [];
    for (let after = 0; ; after = events.length) {
      const next = await storeOn(database).tail(after, 1_000);
      if (next.length === 0) break;
      events.push(...next);
    }
    const newest = new Map(events.map((event) => [event.streamId, event]));
    let old = 0;
    for (const [id, event] of newest) {
      const last = await bus.last('CONFIG', configSubject('workflow', '-', APPLICATION, id));
      if (Number(last?.headers['ce-version']) !== event.version) old++;
    }
    const missed = events.filter(({ position }) => !relays.published.has(position)).length;
    // Each came to the bus after all before it, whichever relay it was.
    const disordered = [...relays.published].filter((position, index) => position !== index + 1).length;
    recordFigure({
      promise: 5,
      what: `${WRITERS} writers, ${events.length} appends, ${rollbacks} rolled back; 2 relays at a time, ${relays.deaths} killed or halted in the middle of a publish, ${relays.staleRefused} stale writes refused by the bus`,
      figure: `${missed} missed, ${disordered} out of order, ${old} old states left`,
      holds: missed === 0 && disordered === 0 && old === 0,
    });
    expect(events.map(({ position }) => position)).toEqual(Array.from({ length: APPENDS }, (_, index) => index + 1));
    expect(relays.deaths).toBeGreaterThan(5);
    expect({ missed, disordered, old }).toEqual({ missed: 0, disordered: 0, old: 0 });
  });

  it('would miss events without its lock', { timeout: 60_000 }, async () => {
    const missed = await naiveTail(APPENDS);
    recordFigure({
      promise: 5,
      what: `for comparison: ${APPENDS} appends by ${WRITERS} writers without the lock, tailed by a sequence`,
      figure: `${(100 * missed).toFixed(1)} % missed`,
      holds: missed > 0,
    });
    expect(missed).toBeGreaterThan(0);
  });
});
