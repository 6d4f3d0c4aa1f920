import { PERIODS_KEPT, type QuotaRow } from '../quota.ts';
import { FIRINGS_KEPT_MS } from '../timer-book.ts';
import { forgetIds } from './recent-ids.ts';

/** The part of a database connection that reading needs. */
export interface Database {
  query<T = unknown>(sql: string, parameters?: unknown[]): Promise<T>;
}

/** The counts of messages as committed; sums of several integrations have the same shape. */
export interface MessageCounts {
  readonly lastNumber: number;
  readonly replayed: number;
  readonly dispatched: number;
  readonly unmatched: number;
  readonly rejectedByQuota: number;
  readonly disabled: number;
  readonly deadLettered: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly repeated: number;
  readonly redelivered: number;
  readonly oversize: number;
  readonly triggered: number;
}

export interface GapRow {
  readonly from: string;
  readonly to: string;
  readonly cause: string;
}

const COLUMNS: Record<keyof MessageCounts, string> = {
  lastNumber: 'last_number',
  replayed: 'replayed',
  dispatched: 'dispatched',
  unmatched: 'unmatched',
  rejectedByQuota: 'rejected_by_quota',
  disabled: 'disabled',
  deadLettered: 'dead_lettered',
  duplicates: 'duplicates',
  missing: 'missing',
  repeated: 'repeated',
  redelivered: 'redelivered',
  oversize: 'oversize',
  triggered: 'triggered',
};
const SELECTED = Object.entries(COLUMNS)
  .map(([name, column]) => `${column} as "${name}"`)
  .join(', ');

/** Of each integration of an application by its id, or of one alone. */
async function readCounts(database: Database, applicationId: string, integrationId?: string): Promise<Map<string, MessageCounts>> {
  const rows = await database.query<({ integration_id: string } & Record<keyof MessageCounts, string>)[]>(
    `select integration_id, ${SELECTED} from message_counts where application_id = $1 and ($2::text is null or integration_id = $2)`,
    [applicationId, integrationId ?? null],
  );
  return new Map(rows.map((row) => [row.integration_id, countsOf((name) => Number(row[name]))]));
}

export async function readMessageCounts(database: Database, applicationId: string, integrationId: string): Promise<MessageCounts> {
  return (await readCounts(database, applicationId, integrationId)).get(integrationId) ?? countsOf(() => 0);
}

/** Of every integration of an application that has had messages, in one look, so that each agrees with itself. */
export const readApplicationCounts = (database: Database, applicationId: string): Promise<Map<string, MessageCounts>> =>
  readCounts(database, applicationId);

export const sumOf = (counts: Iterable<MessageCounts>): MessageCounts => {
  const all = [...counts];
  return countsOf((name) => all.reduce((sum, one) => sum + one[name], 0));
};

const NAMES = Object.keys(COLUMNS) as (keyof MessageCounts)[];
const countsOf = (value: (name: keyof MessageCounts) => number): MessageCounts =>
  Object.fromEntries(NAMES.map((name) => [name, value(name)])) as Record<keyof MessageCounts, number>;

/** The newest gaps, oldest first: at most 100 an integration are kept, and at most 100 answered. */
export async function readGaps(database: Database, applicationId: string, integrationId?: string): Promise<GapRow[]> {
  const rows = await database.query<{ gap_from: Date; gap_to: Date; cause: string }[]>(
    `select gap_from, gap_to, cause from gaps where application_id = $1 and ($2::text is null or integration_id = $2) order by position desc limit 100`,
    [applicationId, integrationId ?? null],
  );
  return rows.toReversed().map(({ gap_from, gap_to, cause }) => ({ from: gap_from.toISOString(), to: gap_to.toISOString(), cause }));
}

/** The highest committed running number of each integration whose application falls into these partitions. */
export async function readLastNumbers(
  database: Database,
  partitions: readonly number[],
): Promise<{ partition: number; integrationId: string; last: number }[]> {
  const rows = await database.query<{ partition: number; integration_id: string; last_number: string }[]>(
    'select partition, integration_id, last_number from message_counts where partition = any($1::smallint[]) and last_number > 0',
    [partitions],
  );
  return rows.map((row) => ({ partition: row.partition, integrationId: row.integration_id, last: Number(row.last_number) }));
}

/** Quota used in the newest periods of each application of these partitions, as many of each kind as a {@link QuotaBook} remembers. */
export async function readQuotas(database: Database, partitions: readonly number[]): Promise<(QuotaRow & { partition: number })[]> {
  const rows = await database.query<
    { partition: number; application_id: string; period: string; started: Date; used: string; refused: string }[]
  >(
    `select partition, application_id, period, started, used, refused from (
       select *, row_number() over (partition by application_id, split_part(period, ':', 1) order by started desc) as age
       from quota_used where partition = any($1::smallint[])
     ) as aged where age <= $2`,
    [partitions, PERIODS_KEPT],
  );
  return rows.map((row) => ({
    partition: row.partition,
    applicationId: row.application_id,
    key: row.period,
    started: row.started,
    used: Number(row.used),
    refused: Number(row.refused),
  }));
}

/** When each timer of these partitions was last fired, epoch ms. */
export async function readFirings(
  database: Database,
  partitions: readonly number[],
): Promise<{ partition: number; timer: string; at: number }[]> {
  const rows = await database.query<{ partition: number; timer: string; fired_at: string }[]>(
    'select partition, timer, fired_at from timer_firings where partition = any($1::smallint[]) order by fired_at',
    [partitions],
  );
  return rows.map(({ partition, timer, fired_at }) => ({ partition, timer, at: Number(fired_at) }));
}

/** Payloads counted between two times (epoch ms, whole hours), by integration type. */
export async function readPayloadCounts(
  database: Database,
  applicationId: string,
  start: number,
  end: number,
): Promise<Record<string, number>> {
  const rows = await database.query<{ integration_type: string; count: string }[]>(
    `select integration_type, sum(count) as count from payload_counts
     where application_id = $1 and hour >= date_trunc('hour', to_timestamp($2::double precision / 1000)) and hour < to_timestamp($3::double precision / 1000)
     group by integration_type order by integration_type`,
    [applicationId, start, end],
  );
  return Object.fromEntries(rows.map((row) => [row.integration_type, Number(row.count)]));
}

/** Days that payload counts and used quotas are kept. */
const KEPT_DAYS = 400;

/** Forgets payload counts, quotas and firings that are too old to ask for, and everything of these applications. */
export async function forget(database: Database, deletedApplications: readonly string[]): Promise<void> {
  await database.query(`delete from payload_counts where hour < now() - make_interval(days => $1)`, [KEPT_DAYS]);
  await database.query(`delete from quota_used where started < now() - make_interval(days => $1)`, [KEPT_DAYS]);
  await database.query(`delete from timer_firings where fired_at < $1`, [Date.now() - FIRINGS_KEPT_MS]);
  await forgetIds(database);
  if (deletedApplications.length === 0) return;
  for (const table of ['message_counts', 'event_counts', 'gaps', 'quota_used', 'payload_counts'])
    await database.query(`delete from ${table} where application_id = any($1::text[])`, [deletedApplications]);
}
