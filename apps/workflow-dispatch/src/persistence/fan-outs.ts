import type { Position } from '#lib/messaging';
import type { Transaction } from '#lib/partitions';
import type { FanOuts, StoredFanOut } from '../predecessor.ts';

/** Which hold of a partition writes: its token, and of which INBOUND the positions are. */
export interface Hold {
  readonly partition: number;
  readonly token: number;
  readonly epoch: string;
}

type Written = [Position, Omit<StoredFanOut, 'stored'> & { stored: string[] }];

/**
 * Puts on record what is stored of a partition beyond what is committed, in place of what was. False, and nothing is written, when another holder has taken it: who
 * takes it after this finds the record.
 */
export async function recordFanOuts(database: Transaction, { partition, token, epoch }: Hold, fanOuts: FanOuts): Promise<boolean> {
  const written = [...fanOuts].map(([position, { all, inbound, stored, decidedAt }]): Written => {
    const { type, applicationId, time } = inbound;
    return [position, { all, inbound: { type, applicationId, time }, stored: [...stored], decidedAt }];
  });
  const rows = await database.query<unknown[]>(
    `with held as (select partition from positions where stream = 'INBOUND' and partition = $1 and token = $2 for share)
     insert into fan_outs (partition, epoch, fan_outs) select partition, $3, $4 from held
     on conflict (partition) do update set epoch = excluded.epoch, fan_outs = excluded.fan_outs
     returning partition`,
    [partition, token, epoch, JSON.stringify(written)],
  );
  return rows.length > 0;
}

/** What is on record of these partitions; what it says of messages that are committed by now says nothing any more. */
export async function readRecorded(
  database: Transaction,
  partitions: readonly number[],
  epoch: string,
): Promise<ReadonlyMap<number, FanOuts>> {
  const rows = await database.query<{ partition: number; fan_outs: Written[] }[]>(
    'select partition, fan_outs from fan_outs where partition = any($1::smallint[]) and epoch = $2',
    [partitions, epoch],
  );
  return new Map(
    rows.map(({ partition, fan_outs }) => [
      partition,
      new Map(fan_outs.map(([position, fanOut]) => [position, { ...fanOut, stored: new Set(fanOut.stored) }])),
    ]),
  );
}
