import type { Position } from '#lib/messaging';
import { PurgeFloor } from './purge-floor.ts';
import type { Task } from './scheduler.ts';
import type { OpenRun } from './persistence/run-journal.ts';

/** What is kept in memory of one partition for as long as it is held. */
export class PartitionRuns {
  readonly floor = new PurgeFloor();
  /** Runs that wait until they may start by the reservation, in stream order. */
  readonly beyond: { readonly position: Position; readonly task: Task }[] = [];
  /** The highest position whose run may have been started, by us or before. */
  started: Position;
  /** The highest position that the journal may have a row of. */
  journaled: Position = 0;

  constructor(
    readonly token: number,
    committed: Position,
    /** Up to here, what isn't done may have been interrupted. */
    readonly startedThrough: Position,
    /** Committed: nothing beyond it may start. */
    public reserved: Position,
    /** What the journal knew of runs beyond the position. */
    private readonly open: ReadonlyMap<Position, OpenRun>,
  ) {
    this.started = Math.max(committed, startedThrough);
    for (const position of open.keys()) this.journaled = Math.max(this.journaled, position);
  }

  isDone(position: Position): boolean {
    return this.open.get(position)?.done === true;
  }

  /** Which attempt the next start is: 1 unless it may have been interrupted. */
  attempt(position: Position): number {
    return position <= this.startedThrough ? (this.open.get(position)?.attempt ?? 1) + 1 : 1;
  }

  /** Those that a raised reservation lets start. */
  raise(reserved: Position): Task[] {
    this.reserved = Math.max(this.reserved, reserved);
    const until = this.beyond.findIndex(({ position }) => position > this.reserved);
    return this.beyond.splice(0, until === -1 ? this.beyond.length : until).map(({ task }) => task);
  }
}
