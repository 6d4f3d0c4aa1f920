import type { DataSource } from 'typeorm';
import type { Position } from '#lib/messaging';
import { commitTransaction } from './commit-transaction.ts';
import type { Lease } from './ownership.ts';
import { StreamChangedError, type Transaction } from './reader-types.ts';

export interface PositionRow {
  readonly partition: number;
  readonly position: Position;
  readonly token: number;
  /** Rises with each commit, so that one whose outcome is unknown can be told from one that failed. */
  readonly version: number;
}

/** A move of one partition's position. */
export interface Move {
  readonly partition: number;
  readonly token: number;
  readonly version: number;
  readonly through: Position;
}

/** Partitions of a commit that another holder has taken: nothing of it was committed. */
export class FencedError extends Error {
  readonly code = 'fenced';
  constructor(readonly partitions: readonly number[]) {
    super(`another holder has taken the partitions ${partitions.join(', ')}`);
    this.name = 'FencedError';
  }
}

type Row = { partition: number; position: string; token: string; version: string; stream_created: string };
const toRow = (row: Row): PositionRow => ({
  partition: row.partition,
  position: Number(row.position),
  token: Number(row.token),
  version: Number(row.version),
});

/** The table `positions`. */
export class PositionStore {
  constructor(
    private readonly database: DataSource,
    private readonly stream: string,
  ) {}

  /**
   * Writes our tokens, after which no earlier holder can commit. Partitions that a later holder has taken are absent from the answer. Rejects
   * {@link StreamChangedError} when a position was taken from another stream than the one created at `created`.
   */
  async take(leases: readonly Lease[], created: string): Promise<PositionRow[]> {
    return await this.database.transaction(async (manager) => {
      const rows = await manager.query<Row[]>(
        `insert into positions (stream, partition, position, token, version, stream_created)
           select $1, lease.partition, 0, lease.token, 0, $4
           from unnest($2::smallint[], $3::bigint[]) as lease (partition, token) order by lease.partition
         on conflict (stream, partition) do update set token = excluded.token, version = positions.version + 1
           where positions.token <= excluded.token
         returning partition, position, token, version, stream_created`,
        [this.stream, leases.map(({ partition }) => partition), leases.map(({ token }) => token), created],
      );
      if (rows.some((row) => row.stream_created !== created)) throw new StreamChangedError(this.stream);
      return rows.map(toRow);
    });
  }

  async read(partitions: readonly number[]): Promise<PositionRow[]> {
    const rows = await this.database.query<Row[]>(
      'select partition, position, token, version, stream_created from positions where stream = $1 and partition = any($2::smallint[])',
      [this.stream, partitions],
    );
    return rows.map(toRow);
  }

  /** Moves positions and runs `also`, all or nothing. Rejects {@link FencedError} naming the partitions that aren't ours any more. */
  async commit(moves: readonly Move[], also: (transaction: Transaction) => Promise<void>): Promise<void> {
    await commitTransaction(this.database, async (transaction) => {
      const moved = transaction.query<{ partition: number }[]>(
        `update positions set position = move.through, version = move.version + 1
         from unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[]) as move (partition, token, version, through)
         where positions.stream = $1 and positions.partition = move.partition
           and positions.token = move.token and positions.version = move.version
         returning positions.partition`,
        [
          this.stream,
          moves.map(({ partition }) => partition),
          moves.map(({ token }) => token),
          moves.map(({ version }) => version),
          moves.map(({ through }) => through),
        ],
      );
      // One trip for both. What isn't ours any more is rolled back with all the rest.
      const [rows] = await Promise.all([moved, also(transaction)]);
      if (rows.length < moves.length) {
        const ours = new Set(rows.map(({ partition }) => partition));
        throw new FencedError(moves.map(({ partition }) => partition).filter((partition) => !ours.has(partition)));
      }
    });
  }
}
