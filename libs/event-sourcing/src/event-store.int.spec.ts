import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '#lib/platform';
import { startTestPostgres, type TestPostgres } from '../../../test/servers/postgres.ts';
import { openDatabase } from './database.ts';
import type { NewEvent, StoredEvent } from './event.ts';
import { type AppendOptions, EventStore } from './event-store.ts';
import { eventStoreMigrations } from './migrations.ts';
import { findModel, findModels, listEntries, type Project } from './read-models.ts';
import { rebuildReadModels } from './rebuild.ts';
import { raiseEpoch, Relay, type RelayOptions } from './relay.ts';

let postgres: TestPostgres;
let database: DataSource;
let store: EventStore;
const log = createLogger({ service: 'test', level: 'silent' });
const project: Project = (event) => ({ name: (event.state as { name: string }).name });

beforeAll(async () => {
  postgres = await startTestPostgres();
  database = await openDatabase({ url: postgres.url, schema: 'test', migrations: eventStoreMigrations });
  store = new EventStore(database, { upcasters: {}, project });
});
beforeEach(async () => {
  await database.query('truncate events, read_models, outcomes');
  await database.query("update relay set position = 0, epoch = 1, target = ''");
});
afterAll(async () => {
  await database.destroy();
  await postgres.stop();
});

const options: AppendOptions = { actor: { type: 'user', id: 'u' }, time: '2026-01-02T03:04:05.678Z' };
const lamp = (id: string, expectedVersion: number, state: unknown = { name: `${id}${expectedVersion}` }): NewEvent => ({
  kind: 'lamp',
  streamId: id,
  applicationId: 'app',
  subtype: '-',
  expectedVersion,
  type: state === null ? 'LampDeleted' : 'LampChanged',
  schemaVersion: 1,
  state,
});
const append = (...events: NewEvent[]): Promise<StoredEvent[]> => store.append(events, options);
const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  await work.then(
    () => 'no error',
    (error: unknown) => (error as { code?: unknown }).code,
  );
const tables = async (): Promise<unknown> =>
  await database.query('select (select count(*)::int from events) as events, (select count(*)::int from read_models) as models');

describe('an append', () => {
  it('stores events with actor, time, position and version, and their read models with them', async () => {
    const [first, second] = await append(lamp('a', 0), lamp('b', 0));
    expect([first?.position, second?.position]).toEqual([1, 2]);
    expect(await store.last({ kind: 'lamp', id: 'a' })).toEqual(first);
    expect(first).toMatchObject({ version: 1, actor: options.actor, time: options.time });
    expect(first?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(await findModel(database, { kind: 'lamp', id: 'b' })).toMatchObject({ version: 1, position: 2, state: { name: 'b0' } });
    expect(await listEntries(database, 'lamp', 'app')).toEqual([
      { id: 'a', fields: { name: 'a0' } },
      { id: 'b', fields: { name: 'b0' } },
    ]);
  });

  it('with a version that is not the last is refused whole', async () => {
    await append(lamp('a', 0));
    expect(await codeOf(append(lamp('b', 0), lamp('a', 0)))).toBe('conflict');
    expect(await tables()).toEqual([{ events: 1, models: 1 }]);
  });

  it('of two at the same time with one version, one wins', async () => {
    await append(lamp('a', 0));
    const results = await Promise.allSettled(Array.from({ length: 6 }, (_, n) => append(lamp('a', 1, { name: `writer ${n}` }))));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await store.last({ kind: 'lamp', id: 'a' }))?.version).toBe(2);
  });

  it('that fails in the middle leaves nothing, and no hole', async () => {
    const broken = store.append([lamp('a', 0)], { ...options, alongside: () => Promise.reject(new Error('no')) });
    await expect(broken).rejects.toThrow('no');
    expect(await tables()).toEqual([{ events: 0, models: 0 }]);
    expect((await append(lamp('a', 0)))[0]?.position).toBe(1);
  });

  it('asks for aggregates that must still exist', async () => {
    await append(lamp('a', 0));
    await store.append([lamp('b', 0)], { ...options, requires: [{ kind: 'lamp', id: 'a' }] });
    await append(lamp('a', 1, null));
    expect(await codeOf(store.append([lamp('c', 0)], { ...options, requires: [{ kind: 'lamp', id: 'a' }] }))).toBe('missing');
  });

  it('under a key happens once; the outcome is kept for a day', async () => {
    const idempotency = { key: 'k', outcome: ([event]: readonly StoredEvent[]) => ({ position: event?.position }) };
    await store.append([lamp('a', 0)], { ...options, idempotency });
    const repeated = store.append([lamp('a', 1)], { ...options, idempotency });
    await expect(repeated).rejects.toMatchObject({ code: 'repeated', outcome: { position: 1 } });
    expect(await store.outcome('k')).toEqual({ position: 1 });
    const stored = Date.parse(options.time);
    await store.forgetOutcomes(stored + 23 * 3_600_000);
    expect(await store.outcome('k')).toBeDefined();
    await store.forgetOutcomes(stored + 25 * 3_600_000);
    expect(await store.outcome('k')).toBeUndefined();
  });

  it('can decide what to store while nobody else appends', async () => {
    await append(lamp('a', 0), lamp('b', 0));
    await store.append(async (query) => (await listEntries(query, 'lamp', 'app')).map(({ id }) => lamp(id, 1, null)), options);
    expect(await tables()).toEqual([{ events: 4, models: 0 }]);
  });
});

describe('read models', () => {
  it('of a page come in the order asked for, and not at all when they are too large together', async () => {
    await append(lamp('a', 0), lamp('b', 0), lamp('c', 0));
    const page = await findModels(database, 'lamp', ['c', 'gone', 'a'], 1_000);
    expect(page?.map(({ id }) => id)).toEqual(['c', 'a']);
    expect(await findModels(database, 'lamp', ['a', 'b'], 10)).toBeUndefined();
  });

  it('made anew from event one are the same, and mended where they were not', async () => {
    for (let n = 0; n < 30; n++) await append(lamp(`l${n % 7}`, Math.floor(n / 7), n % 11 === 10 ? null : undefined));
    const dump = (): Promise<unknown> => database.query('select m::text from read_models m order by kind, id');
    const live = await dump();
    const progress: number[] = [];
    const report = await rebuildReadModels(database, store, project, (done) => void progress.push(done));
    expect(report).toEqual({ events: 30, differences: 0 });
    expect(await dump()).toEqual(live);
    expect(progress.at(-1)).toBe(30);
    await database.query("update read_models set state = '{}' where id = 'l1'");
    await database.query("delete from read_models where id = 'l2'");
    expect((await rebuildReadModels(database, store, project, () => undefined)).differences).toBe(2);
    expect(await dump()).toEqual(live);
    await append(lamp('later', 0));
    expect(await findModel(database, { kind: 'lamp', id: 'later' })).toBeDefined();
  });
});

describe('the relay', () => {
  const relayTo = (publish: RelayOptions['publish'], target = 'stream one'): Relay =>
    new Relay({ database, store, log, publish, target: () => Promise.resolve(target) });
  const position = async (): Promise<number> => {
    const rows: { position: string }[] = await database.query('select position from relay');
    return Number(rows[0]?.position);
  };

  it('publishes events in order, old ones at its start and new ones as they come', async () => {
    const published: number[] = [];
    await append(lamp('a', 0), lamp('b', 0));
    const relay = relayTo(async (event) => void published.push(event.position));
    await expect.poll(() => published).toEqual([1, 2]);
    await append(lamp('a', 1));
    await expect.poll(() => published).toEqual([1, 2, 3]);
    await relay.stop();
    expect(await position()).toBe(3);
  });

  it('tries an event again until it is published, and says so meanwhile', async () => {
    let refusals = 3;
    const published: number[] = [];
    await append(lamp('a', 0));
    const relay = relayTo(async (event) => {
      if (refusals-- > 0) throw new Error('the bus is away');
      published.push(event.position);
    });
    await expect.poll(() => relay.trouble).toContain('the bus is away');
    await expect.poll(() => published).toEqual([1]);
    await expect.poll(() => relay.trouble).toBeUndefined();
    await relay.stop();
  });

  it('goes on where its predecessor stopped', async () => {
    const published: number[] = [];
    const publish = async (event: StoredEvent): Promise<void> => void published.push(event.position);
    await append(lamp('a', 0));
    const first = relayTo(publish);
    await expect.poll(position).toBe(1);
    await first.stop();
    await append(lamp('a', 1));
    const second = relayTo(publish);
    await expect.poll(position).toBe(2);
    await second.stop();
    expect(published).toEqual([1, 2]);
  });

  it('publishes everything again to a target that was made anew, and in a raised epoch', async () => {
    const published: string[] = [];
    const publish = async (event: StoredEvent, epoch: number): Promise<void> => void published.push(`${epoch}:${event.position}`);
    await append(lamp('a', 0));
    const before = relayTo(publish);
    await expect.poll(position).toBe(1);
    await before.stop();
    const after = relayTo(publish, 'stream two');
    await expect.poll(() => published).toEqual(['1:1', '1:1']);
    await expect.poll(position).toBe(1);
    expect(await raiseEpoch(database)).toBe(2);
    await expect.poll(() => published).toEqual(['1:1', '1:1', '2:1']);
    await after.stop();
  });

  it('survives the death of PostgreSQL', async () => {
    const published: number[] = [];
    const relay = relayTo(async (event) => void published.push(event.position));
    await append(lamp('a', 0));
    await expect.poll(() => published).toEqual([1]);
    await postgres.kill();
    await expect.poll(() => relay.trouble).toBeDefined();
    await postgres.start();
    await expect.poll(async () => await append(lamp('a', 1)).catch(() => [])).toHaveLength(1);
    await expect.poll(() => published).toEqual([1, 2]);
    await relay.stop();
  });
});
