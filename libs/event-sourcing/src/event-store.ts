import { randomUUIDv7 } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { EventStoreError, isUniqueViolation } from './error.ts';
import { type EventActor, type EventRow, fromRow, type NewEvent, type StoredEvent, type StreamKey } from './event.ts';
import { applyToModels, findModel, type Project, type Query } from './read-models.ts';
import { upcast, type Upcasters } from './upcast.ts';

/** Taken by every append for the length of its transaction: positions are in the order of commits, so whoever tails by position misses nothing. */
const APPEND_LOCK = 7_351_401;
/** Notified by every append. */
export const EVENTS_CHANNEL = 'sluice_events';
/** How long an outcome is kept for its idempotency key, and how many at most. */
const OUTCOME_HOURS = 24;
const MAX_OUTCOMES = 1_000_000;

export interface AppendOptions {
  readonly actor: EventActor;
  /** ISO 8601. */
  readonly time: string;
  /** Aggregates that must exist when the events are stored. */
  readonly requires?: readonly StreamKey[];
  /** Kept for 24 hours, in the same transaction: a repeat under the same key fails `repeated` with this outcome. */
  readonly idempotency?: { readonly key: string; outcome(appended: readonly StoredEvent[]): unknown } | undefined;
  /** Further work in the same transaction. */
  readonly alongside?: ((query: Query) => Promise<void>) | undefined;
}

/** Events to append; a function decides them while no one else can append. */
export type Append = readonly NewEvent[] | ((locked: Query) => Promise<readonly NewEvent[]>);

/** The event store on PostgreSQL. Every method rejects with PostgreSQL's own error while it is away. */
export class EventStore {
  constructor(
    private readonly database: DataSource,
    private readonly options: { readonly upcasters: Upcasters; readonly project: Project },
  ) {}

  /** The last event of a stream, in today's shape: it carries the whole state. */
  async last(stream: StreamKey): Promise<StoredEvent | undefined> {
    const rows: EventRow[] = await this.database.query(
      'select * from events where kind = $1 and stream_id = $2 order by version desc limit 1',
      [stream.kind, stream.id],
    );
    return rows[0] === undefined ? undefined : upcast(this.options.upcasters, fromRow(rows[0]));
  }

  /** One event of a stream, in today's shape. */
  async at(stream: StreamKey, version: number): Promise<StoredEvent | undefined> {
    const rows: EventRow[] = await this.database.query('select * from events where kind = $1 and stream_id = $2 and version = $3', [
      stream.kind,
      stream.id,
      version,
    ]);
    return rows[0] === undefined ? undefined : upcast(this.options.upcasters, fromRow(rows[0]));
  }

  /** Events beyond a position, in order, at most `max`. */
  async tail(after: number, max: number, query: Query = this.database): Promise<StoredEvent[]> {
    const rows: EventRow[] = await query.query('select * from events where position > $1 order by position limit $2', [after, max]);
    return rows.map((row) => upcast(this.options.upcasters, fromRow(row)));
  }

  /** The outcome kept for an idempotency key. */
  async outcome(key: string): Promise<unknown> {
    const rows: { outcome: unknown }[] = await this.database.query('select outcome from outcomes where key = $1', [key]);
    return rows[0]?.outcome;
  }

  /**
   * Stores events, read models and outcome in one transaction, all or nothing. EventStoreError `conflict`, `missing` or `repeated` say why nothing was
   * stored; after any other error it is unknown whether it was, unless an idempotency key tells.
   */
  async append(events: Append, options: AppendOptions): Promise<StoredEvent[]> {
    try {
      return await this.database.transaction(async (transaction) => {
        await transaction.query('select pg_advisory_xact_lock($1)', [APPEND_LOCK]);
        await this.#refuseRepeat(transaction, options.idempotency?.key);
        for (const required of options.requires ?? [])
          if ((await findModel(transaction, required)) === undefined)
            throw new EventStoreError('missing', `${required.kind} ${required.id} does not exist`);
        const stored = await insertEvents(transaction, typeof events === 'function' ? await events(transaction) : events, options);
        await applyToModels(transaction, this.options.project, stored);
        await options.alongside?.(transaction);
        if (options.idempotency !== undefined)
          await transaction.query('insert into outcomes (key, outcome, time) values ($1, $2, $3)', [
            options.idempotency.key,
            JSON.stringify(options.idempotency.outcome(stored)),
            options.time,
          ]);
        await transaction.query('select pg_notify($1, $2)', [EVENTS_CHANNEL, '']);
        return stored;
      });
    } catch (error) {
      if (isUniqueViolation(error))
        throw new EventStoreError('conflict', 'another event was appended to the stream meanwhile', { cause: error });
      throw error;
    }
  }

  /** Runs `work` while nobody can append. */
  async locked<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return await this.database.transaction(async (transaction) => {
      await transaction.query('select pg_advisory_xact_lock($1)', [APPEND_LOCK]);
      return await work(transaction);
    });
  }

  /** Forgets outcomes that are older than a day, and the oldest beyond the bound. */
  async forgetOutcomes(nowMs: number): Promise<void> {
    await this.database.query('delete from outcomes where time < $1', [new Date(nowMs - OUTCOME_HOURS * 3_600_000).toISOString()]);
    await this.database.query('delete from outcomes where time < (select time from outcomes order by time desc offset $1 limit 1)', [
      MAX_OUTCOMES,
    ]);
  }

  async #refuseRepeat(transaction: Query, key: string | undefined): Promise<void> {
    if (key === undefined) return;
    const kept: { outcome: unknown }[] = await transaction.query('select outcome from outcomes where key = $1', [key]);
    if (kept[0] !== undefined) throw new EventStoreError('repeated', 'the command was carried out before', { outcome: kept[0].outcome });
  }
}

async function insertEvents(
  query: Query,
  events: readonly NewEvent[],
  { actor, time }: Pick<AppendOptions, 'actor' | 'time'>,
): Promise<StoredEvent[]> {
  if (events.length === 0) return [];
  const heads: { head: string }[] = await query.query('select coalesce(max(position), 0) as head from events');
  const head = Number(heads[0]?.head ?? 0);
  const stored = events.map(({ expectedVersion, ...event }, index): StoredEvent => ({
    ...event,
    position: head + 1 + index,
    id: randomUUIDv7(),
    version: expectedVersion + 1,
    actor,
    time,
  }));
  await query.query(
    `insert into events (position, id, kind, stream_id, application_id, subtype, version, type, schema_version, state, actor, time)
     select position, id, kind, "streamId", "applicationId", subtype, version, type, "schemaVersion", nullif(state, 'null'), actor, time
     from jsonb_to_recordset($1) as e(position bigint, id uuid, kind text, "streamId" text, "applicationId" text, subtype text, version int,
       type text, "schemaVersion" int, state jsonb, actor jsonb, time timestamptz)`,
    [JSON.stringify(stored)],
  );
  return stored;
}
