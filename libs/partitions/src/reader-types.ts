import type { Bus, Position, ReadOptions, Reader } from '#lib/messaging';
import type { DataSource } from 'typeorm';
import type { Lease } from './ownership.ts';

/** A partition this replica reads, and how far it was committed when it was taken. */
export interface HeldPartition extends Lease {
  readonly committed: Position;
}

/** One delivered message on its way. */
export interface Item<E> {
  readonly partition: number;
  readonly position: Position;
  /**
   * Finishes it, in any order within its partition. `effect` reaches `apply` in the transaction that commits it. Call once; a second call, and one
   * after the partition was lost, does nothing. Until it is called the position can't pass this message.
   */
  done(effect: E): void;
  /** It begins to wait for time to pass, or goes on: a release waits for none that does, and leaves it to the successor. */
  rest(resting: boolean): void;
}

export interface Finished<E> {
  readonly position: Position;
  readonly effect: E;
}

/** What one transaction commits of one partition. */
export interface Batch<E> {
  readonly partition: number;
  readonly token: number;
  /** The position committed before, and now: every message up to `through` is finished. They are equal when only messages beyond it are. */
  readonly from: Position;
  readonly through: Position;
  /** Finished since the last commit, in any order, also beyond `through`; each message is in exactly one batch. */
  readonly completed: readonly Finished<E>[];
  /** Those that `through` newly covers, in stream order; each message is in exactly one batch, with or after the one that has it in `completed`. */
  readonly passed: readonly Finished<E>[];
}

/** The part of a transaction that `apply` may use. */
export interface Transaction {
  /** Resolves with the rows. Statements that aren't waited for are done in the order they were made. */
  query<T = unknown>(sql: string, parameters?: unknown[]): Promise<T>;
}

export type Poison = Parameters<ReadOptions<unknown>['onPoison']>[0];

export interface PartitionReaderOptions<M extends { readonly position: Position; readonly body: Uint8Array }, E> {
  readonly bus: Bus;
  /** Opened with `positionMigrations` among its migrations. */
  readonly database: DataSource;
  readonly stream: 'INBOUND' | 'TRIGGERED';
  /** `bus.readInbound` or `bus.readTriggered`. */
  readonly read: (options: ReadOptions<M>) => Promise<Reader>;
  /** Passed after each commit and before the purge: `dispatch.afterCommit`, `runner.afterCommit`. */
  readonly faultPoint: string;
  /**
   * Partitions were taken in PostgreSQL, so that no earlier holder can commit: load what the first message needs, write fences. Nothing is delivered of them
   * before it resolves. When it rejects, `take` does. After a loss in between, what it does has no effect.
   */
  readonly prepare: (held: readonly HeldPartition[]) => Promise<void>;
  /** In stream order within a partition, each message once for as long as the partition is held. Must not throw. */
  readonly onMessage: (message: M, item: Item<E>) => void;
  /** A stored message that can't be decoded: dead-letter and count it, then `done` as with any other. Must not throw. */
  readonly onPoison: (poison: Poison, item: Item<E>) => void;
  /**
   * Writes the caller's own changes, in the transaction that moves the positions, by statements whose texts are constants. Called again with the same batches when the
   * transaction failed, as it does where a partition is another's by now, so it must change nothing outside it.
   */
  readonly apply: (transaction: Transaction, batches: readonly Batch<E>[]) => Promise<void>;
  /** After a commit, before the purge. Must not throw. */
  readonly onCommitted?: (batches: readonly Batch<E>[]) => void;
  /** How far a partition may be purged now that `committed` is: at most that; asked again, with back-off, as long as it is less. Default: all of it. */
  readonly purgeThrough?: (partition: number, committed: Position) => Position | Promise<Position>;
  /** Another holder has committed with a higher token, so nothing of this partition happens here any more. */
  readonly onFenced: (partition: number) => void;
  /** Failures that are retried, with back-off: for the log. */
  readonly onError: (error: unknown) => void;
  /** Bounds of what is delivered and not yet committed: messages of one partition (default 2,000) and of all (16,000); and of bytes not yet finished, of all (128 MiB; one partition a quarter of that). */
  readonly limits?: { readonly partition?: number; readonly total?: number; readonly bytes?: number };
  /** How long `release` waits for messages in flight, ms; what isn't finished then is delivered again to the successor. Default 10,000. */
  readonly drainMs?: number;
}

/**
 * Reads the partitions this replica holds, from their positions in PostgreSQL, with one ordered consumer; a partition that falls behind gets one of its own, so
 * that it holds up no other. Positions and the caller's changes are committed together every 50 ms or 500 messages, by compare-and-set on token and
 * version; then what nobody needs is purged. While PostgreSQL or the bus is away it holds, bounded, and goes on when they are back.
 */
export interface PartitionReader {
  /** Starts reading partitions that were acquired. Retries for as long as PostgreSQL is away; resolves early for those lost meanwhile. Rejects {@link StreamChangedError}. */
  take(leases: readonly Lease[]): Promise<void>;
  /** Stops delivering, waits for what is in flight (at most `drainMs`), commits, purges, forgets the partitions. */
  release(leases: readonly Lease[]): Promise<void>;
  /** Forgets partitions at once: nothing of them is delivered or committed from here on. */
  lose(leases: readonly Lease[]): void;
  /** How far a held partition is committed; undefined when it isn't held. */
  committed(partition: number): Position | undefined;
  /** Commits this partition soon even if nothing of it finished: `apply` gets an empty batch for it. */
  requestCommit(partition: number): void;
  ready(): { readonly ok: boolean; readonly reason?: string };
  /** Releases everything and ends. */
  stop(): Promise<void>;
}

/** The stream was made anew since the position was committed: sequences mean other messages now. Needs a person; nothing is read until then. */
export class StreamChangedError extends Error {
  readonly code = 'streamChanged';
  constructor(readonly stream: string) {
    super(
      `stream ${stream} is not the one the committed positions were taken from: restore it, or delete the rows of table "positions" to read the new one from its start`,
    );
    this.name = 'StreamChangedError';
  }
}
