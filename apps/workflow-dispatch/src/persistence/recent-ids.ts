import { partitionOf } from '#lib/contracts';
import type { Finished, Transaction } from '#lib/partitions';
import type { Effect } from '../effect.ts';
import { DIGEST_BYTES } from '../recent-ids.ts';

/** Digests of the ids that the newest messages of these partitions have of their providers, as they were committed together. */
export async function readRecentIds(
  database: Transaction,
  partitions: readonly number[],
): Promise<{ partition: number; ids: readonly string[] }[]> {
  const rows = await database.query<{ partition: number; ids: Buffer }[]>(
    'select partition, ids from recent_ids where partition = any($1::smallint[])',
    [partitions],
  );
  return rows.map(({ partition, ids }) => ({
    partition,
    ids: Array.from({ length: ids.length / DIGEST_BYTES }, (_, index) =>
      ids.toString('latin1', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
    ),
  }));
}

/** Keeps the ids of what a commit takes: one row a partition, so that the cost hardly grows with the messages, and none where nothing has an id. */
export async function writeRecentIds(transaction: Transaction, finished: readonly Finished<Effect>[]): Promise<void> {
  const taken = new Map<number, string[]>();
  for (const { effect } of finished) {
    const { applicationId, message } = effect;
    if (message?.id === undefined) continue;
    const partition = partitionOf(applicationId);
    const ids = taken.get(partition);
    if (ids === undefined) taken.set(partition, [message.id]);
    else ids.push(message.id);
  }
  if (taken.size === 0) return;
  await transaction.query('insert into recent_ids (partition, ids) select * from unnest($1::smallint[], $2::bytea[])', [
    [...taken.keys()],
    [...taken.values()].map((ids) => Buffer.from(ids.join(''), 'latin1')),
  ]);
}

/**
 * Ids are kept as long as their partition's newest ones are not much newer: whatever is still to be read was stored soon after them, even where dispatch was
 * stopped for long in between. Twice the time in which a redelivery must be known, as messages may have waited to be committed.
 */
export const forgetIds = (database: Transaction): Promise<unknown> =>
  database.query(
    `delete from recent_ids using (select partition, max(committed_at) as newest from recent_ids group by partition) as latest
     where recent_ids.partition = latest.partition
       and recent_ids.committed_at < greatest(latest.newest - interval '20 minutes', now() - interval '1 day')`,
  );
