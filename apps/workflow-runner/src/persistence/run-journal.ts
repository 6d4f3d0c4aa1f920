import type { Position } from '#lib/messaging';
import type { Transaction } from '#lib/partitions';
import { readSteps, type RunStep } from './run-steps.ts';

/** What is known of a run beyond the committed position. */
export interface OpenRun {
  readonly partition: number;
  readonly position: Position;
  /** Its latest start, from 2 on: committed before that start. */
  readonly attempt: number | undefined;
  readonly done: boolean;
}

export interface PartitionToken {
  readonly partition: number;
  readonly token: number;
}

/** What a holder finds when it takes a partition. */
export interface TakenPartition extends PartitionToken {
  /** Runs up to here may have been started before; 0: none. */
  readonly startedThrough: Position;
}

const TABLES = ['open_runs', 'run_steps'] as const;

/** Tables `reservations`, `open_runs` and `run_steps` (docs/adr/0002, 0012). Everything is conditional on the partition's token: a later holder's rows are never touched. */
export const runJournal = {
  /** Takes over the reservations, raised to `reserve`. To be called in one transaction of its own. */
  async take(
    transaction: Transaction,
    held: readonly (PartitionToken & { committed: Position })[],
    reserve: Position,
    streamCreated: string,
  ): Promise<{ partitions: TakenPartition[]; open: OpenRun[]; steps: Omit<RunStep, 'token'>[] }> {
    const partitions = held.map(({ partition }) => partition);
    const before = await transaction.query<{ partition: number; reserved: string; stream_created: string }[]>(
      'select partition, reserved, stream_created from reservations where partition = any($1::smallint[]) order by partition for update',
      [partitions],
    );
    await transaction.query(
      `insert into reservations (partition, token, reserved, stream_created)
         select held.partition, held.token, $3, $4 from unnest($1::smallint[], $2::bigint[]) as held (partition, token) order by 1
       on conflict (partition) do update set token = excluded.token, stream_created = excluded.stream_created,
         reserved = case when reservations.stream_created = excluded.stream_created
           then greatest(reservations.reserved, excluded.reserved) else excluded.reserved end
         where reservations.token <= excluded.token`,
      [partitions, held.map(({ token }) => token), reserve, streamCreated],
    );
    // Positions of another stream mean other messages.
    const strange = before.filter((row) => row.stream_created !== streamCreated).map(({ partition }) => partition);
    for (const table of TABLES)
      await transaction.query(
        `delete from ${table} as run using unnest($1::smallint[], $2::bigint[]) as held (partition, committed)
         where run.partition = held.partition and (run.position <= held.committed or run.partition = any($3::smallint[]))`,
        [partitions, held.map(({ committed }) => committed), strange],
      );
    const rows = await transaction.query<{ partition: number; position: string; attempt: number | null; done: boolean }[]>(
      'select partition, position, attempt, done from open_runs where partition = any($1::smallint[])',
      [partitions],
    );
    const reserved = new Map(
      before.filter((row) => row.stream_created === streamCreated).map((row) => [row.partition, Number(row.reserved)]),
    );
    return {
      partitions: held.map(({ partition, token }) => ({ partition, token, startedThrough: reserved.get(partition) ?? 0 })),
      open: rows.map(({ partition, position, attempt, done }) => ({
        partition,
        position: Number(position),
        attempt: attempt ?? undefined,
        done,
      })),
      steps: await readSteps(transaction, partitions),
    };
  },

  /** Nothing is started beyond `reserved` before this is committed. */
  async reserve(transaction: Transaction, held: readonly PartitionToken[], reserved: Position): Promise<void> {
    await transaction.query(
      `update reservations set reserved = greatest(reserved, $3)
       from (select * from unnest($1::smallint[], $2::bigint[]) as row (partition, token) order by 1) as held
       where reservations.partition = held.partition and reservations.token = held.token`,
      [held.map(({ partition }) => partition), held.map(({ token }) => token), reserved],
    );
  },

  /** Gives back what was reserved and not used, so that the next holder takes nothing for interrupted that never began. */
  async lower(transaction: Transaction, held: readonly (PartitionToken & { started: Position })[]): Promise<void> {
    await transaction.query(
      `update reservations set reserved = least(reserved, held.started)
       from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as held (partition, token, started)
       where reservations.partition = held.partition and reservations.token = held.token`,
      [held.map(({ partition }) => partition), held.map(({ token }) => token), held.map(({ started }) => started)],
    );
  },

  /** Writes down the attempt of runs that are about to start again. */
  async attempts(transaction: Transaction, runs: readonly (PartitionToken & { position: Position; attempt: number })[]): Promise<void> {
    await transaction.query(
      `insert into open_runs (partition, position, attempt)
         select run.partition, run.position, run.attempt
         from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::smallint[]) as run (partition, token, position, attempt)
         join reservations on reservations.partition = run.partition and reservations.token = run.token
       on conflict (partition, position) do update set attempt = excluded.attempt`,
      [
        runs.map(({ partition }) => partition),
        runs.map(({ token }) => token),
        runs.map(({ position }) => position),
        runs.map(({ attempt }) => attempt),
      ],
    );
  },

  /** Marks runs beyond their partition's position as done: they don't run again. */
  async done(transaction: Transaction, runs: readonly { partition: number; position: Position }[]): Promise<void> {
    if (runs.length === 0) return;
    await transaction.query(
      `insert into open_runs (partition, position, done)
         select run.partition, run.position, true from unnest($1::smallint[], $2::bigint[]) as run (partition, position)
       on conflict (partition, position) do update set done = true`,
      [runs.map(({ partition }) => partition), runs.map(({ position }) => position)],
    );
  },

  /** Forgets what the positions have passed. */
  async passed(transaction: Transaction, positions: readonly { partition: number; through: Position }[]): Promise<void> {
    if (positions.length === 0) return;
    for (const table of TABLES)
      await transaction.query(
        `delete from ${table} as run using unnest($1::smallint[], $2::bigint[]) as passed (partition, through)
         where run.partition = passed.partition and run.position <= passed.through`,
        [positions.map(({ partition }) => partition), positions.map(({ through }) => through)],
      );
  },
};
