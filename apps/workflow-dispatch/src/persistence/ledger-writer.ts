import { partitionOf } from '#lib/contracts';
import type { Position } from '#lib/messaging';
import type { Finished, Transaction } from '#lib/partitions';
import type { Effect, Outcome } from '../effect.ts';
import { writeRecentIds } from './recent-ids.ts';

const HOUR_MS = 3_600_000;
/** Gaps of one integration that are kept. */
const GAPS_KEPT = 100;

const OUTCOME_COLUMN: Record<Outcome, string> = {
  dispatched: 'dispatched',
  unmatched: 'unmatched',
  rejectedByQuota: 'rejected_by_quota',
  disabled: 'disabled',
  deadLettered: 'dead_lettered',
  duplicate: 'duplicates',
};
const SUMMED = ['replayed', ...Object.values(OUTCOME_COLUMN), 'missing', 'repeated', 'redelivered', 'oversize', 'triggered'] as const;

type Sums = Record<string, number>;

/** Rows to add up, by key; `columns` of a row start at 0. */
class Tally {
  readonly rows = new Map<string, { readonly key: readonly (string | number)[]; readonly sums: Sums }>();
  row(...key: readonly (string | number)[]): Sums {
    const name = key.join(' ');
    let found = this.rows.get(name);
    if (found === undefined) this.rows.set(name, (found = { key, sums: {} }));
    return found.sums;
  }
  /** In one order, so that two replicas that count for one application can't block each other. */
  sorted(): { readonly key: readonly (string | number)[]; readonly sums: Sums }[] {
    return [...this.rows.keys()].sort().flatMap((name) => this.rows.get(name) ?? []);
  }
  get isEmpty(): boolean {
    return this.rows.size === 0;
  }
}

const add = (sums: Sums, column: string, count: number): void => {
  if (count !== 0) sums[column] = (sums[column] ?? 0) + count;
};

/** Writes what finished events change, in the transaction that moves the positions. */
export async function writeLedger(transaction: Transaction, finished: readonly Finished<Effect>[]): Promise<void> {
  const messages = new Tally();
  const events = new Tally();
  const quotas = new Tally();
  const payloads = new Tally();
  const gaps: { effect: Effect; position: Position }[] = [];
  const periods = new Map<string, Date>();
  const firings: Firings = new Map();
  for (const { effect, position } of finished) {
    const { applicationId, sourceId, message } = effect;
    if (message === undefined) {
      const sums = events.row(applicationId, sourceId, effect.type);
      add(sums, 'received', 1);
      add(sums, 'triggered', effect.triggered);
      if (effect.type === 'oversize') add(messages.row(applicationId, sourceId, partitionOf(applicationId)), 'oversize', 1);
      if (effect.gap !== undefined) gaps.push({ effect, position });
      if (effect.timer !== undefined) addFiring(firings, applicationId, effect.timer);
      continue;
    }
    countMessage(messages.row(applicationId, sourceId, partitionOf(applicationId)), effect, message);
    const refused = message.outcome === 'rejectedByQuota';
    if (message.quota === undefined) continue;
    const { period, storedAt } = message.quota;
    periods.set(period.key, period.started);
    add(quotas.row(applicationId, period.key, partitionOf(applicationId)), refused ? 'refused' : 'used', 1);
    if (!refused) add(payloads.row(applicationId, effect.sourceType, Math.floor(storedAt / HOUR_MS)), 'count', 1);
  }
  await Promise.all([
    messages.isEmpty || writeMessages(transaction, messages),
    events.isEmpty || writeEvents(transaction, events),
    quotas.isEmpty || writeQuotas(transaction, quotas, periods),
    payloads.isEmpty || writePayloads(transaction, payloads),
    gaps.length === 0 || writeGaps(transaction, gaps),
    firings.size === 0 || writeFirings(transaction, firings),
    writeRecentIds(transaction, finished),
  ]);
}

function countMessage(sums: Sums, effect: Effect, message: Exclude<Effect['message'], undefined>): void {
  if (message.number === undefined) add(sums, 'replayed', 1);
  else sums['last_number'] = Math.max(sums['last_number'] ?? 0, message.number);
  add(sums, 'missing', message.missing);
  add(sums, 'triggered', effect.triggered);
  // What its connector has stored again under the number it had is no second message.
  if (message.outcome === 'duplicate' && message.repeated) return;
  add(sums, 'redelivered', message.redelivered || message.outcome === 'duplicate' ? 1 : 0);
  // A second message of one number is counted apart: the sums go on closing, and it shows as unexplained.
  if (message.repeated) add(sums, 'repeated', 1);
  else add(sums, OUTCOME_COLUMN[message.outcome], 1);
}

async function writeMessages(transaction: Transaction, tally: Tally): Promise<void> {
  const rows = tally.sorted();
  const column = (name: string): number[] => rows.map(({ sums }) => sums[name] ?? 0);
  await transaction.query(
    `insert into message_counts (application_id, integration_id, partition, last_number, ${SUMMED.join(', ')})
       select * from unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], ${SUMMED.map((_, index) => `$${index + 5}::bigint[]`).join(', ')})
     on conflict (application_id, integration_id) do update set
       last_number = greatest(message_counts.last_number, excluded.last_number),
       ${SUMMED.map((name) => `${name} = message_counts.${name} + excluded.${name}`).join(', ')}`,
    [
      rows.map(({ key }) => key[0]),
      rows.map(({ key }) => key[1]),
      rows.map(({ key }) => key[2]),
      column('last_number'),
      ...SUMMED.map(column),
    ],
  );
}

async function writeEvents(transaction: Transaction, tally: Tally): Promise<void> {
  const rows = tally.sorted();
  await transaction.query(
    `insert into event_counts (application_id, source_id, type, received, triggered)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
     on conflict (application_id, source_id, type) do update set
       received = event_counts.received + excluded.received, triggered = event_counts.triggered + excluded.triggered`,
    [0, 1, 2]
      .map<unknown>((index) => rows.map(({ key }) => key[index]))
      .concat([rows.map(({ sums }) => sums['received'] ?? 0), rows.map(({ sums }) => sums['triggered'] ?? 0)]),
  );
}

async function writeQuotas(transaction: Transaction, tally: Tally, periods: ReadonlyMap<string, Date>): Promise<void> {
  const rows = tally.sorted();
  await transaction.query(
    `insert into quota_used (application_id, period, partition, started, used, refused)
       select * from unnest($1::text[], $2::text[], $3::smallint[], $4::timestamptz[], $5::bigint[], $6::bigint[])
     on conflict (application_id, period) do update set used = quota_used.used + excluded.used, refused = quota_used.refused + excluded.refused`,
    [
      rows.map(({ key }) => key[0]),
      rows.map(({ key }) => key[1]),
      rows.map(({ key }) => key[2]),
      rows.map(({ key }) => periods.get(String(key[1]))?.toISOString()),
      rows.map(({ sums }) => sums['used'] ?? 0),
      rows.map(({ sums }) => sums['refused'] ?? 0),
    ],
  );
}

async function writePayloads(transaction: Transaction, tally: Tally): Promise<void> {
  const rows = tally.sorted();
  await transaction.query(
    `insert into payload_counts (application_id, integration_type, hour, count)
       select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[])
     on conflict (application_id, integration_type, hour) do update set count = payload_counts.count + excluded.count`,
    [
      rows.map(({ key }) => key[0]),
      rows.map(({ key }) => key[1]),
      rows.map(({ key }) => new Date(Number(key[2]) * HOUR_MS).toISOString()),
      rows.map(({ sums }) => sums['count'] ?? 0),
    ],
  );
}

async function writeGaps(
  transaction: Transaction,
  gaps: readonly { readonly effect: Effect; readonly position: Position }[],
): Promise<void> {
  await transaction.query(
    `insert into gaps (application_id, integration_id, position, gap_from, gap_to, cause)
       select * from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[])
     on conflict do nothing`,
    [
      gaps.map(({ effect }) => effect.applicationId),
      gaps.map(({ effect }) => effect.sourceId),
      gaps.map(({ position }) => position),
      gaps.map(({ effect }) => effect.gap?.from),
      gaps.map(({ effect }) => effect.gap?.to),
      gaps.map(({ effect }) => effect.gap?.cause),
    ],
  );
  await transaction.query(
    `delete from gaps using (
       select application_id, integration_id, position, row_number() over (partition by application_id, integration_id order by position desc) as age
       from gaps where integration_id = any($1::text[])
     ) as aged
     where aged.age > $2 and gaps.application_id = aged.application_id and gaps.integration_id = aged.integration_id and gaps.position = aged.position`,
    [gaps.map(({ effect }) => effect.sourceId), GAPS_KEPT],
  );
}

type Firings = Map<string, { partition: number; at: number }>;

function addFiring(firings: Firings, applicationId: string, { name, at }: Exclude<Effect['timer'], undefined>): void {
  if (at > (firings.get(name)?.at ?? 0)) firings.set(name, { partition: partitionOf(applicationId), at });
}

async function writeFirings(transaction: Transaction, firings: Firings): Promise<void> {
  const rows = [...firings].sort(([a], [b]) => (a < b ? -1 : 1));
  await transaction.query(
    `insert into timer_firings (timer, partition, fired_at) select * from unnest($1::text[], $2::smallint[], $3::bigint[])
     on conflict (timer) do update set fired_at = greatest(timer_firings.fired_at, excluded.fired_at)`,
    [rows.map(([timer]) => timer), rows.map(([, { partition }]) => partition), rows.map(([, { at }]) => at)],
  );
}
