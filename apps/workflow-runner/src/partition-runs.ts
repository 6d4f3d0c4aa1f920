import type { Fence, Position } from '#lib/messaging';
import { restsAt, type AttemptRecord } from './run-record.ts';
import type { Task } from './scheduler.ts';
import type { OpenRun } from './persistence/run-journal.ts';

const NONE: ReadonlyMap<string, string> = new Map();

/** What is kept in memory of one partition for as long as it is held. */
export class PartitionRuns {
  /** Runs that wait until they may start by the reservation, in stream order. */
  readonly beyond: { readonly position: Position; readonly task: Task }[] = [];
  /** The highest position whose run may have been started, by us or before. */
  started: Position;
  /** The highest position that the journal may have a row of. */
  journaled: Position = 0;
  /** Of runs that keep one and aren't over. */
  readonly records = new Set<AttemptRecord>();
  /** Runs that waited in a delay when this holder took over: whatever ended the process, they didn't. */
  readonly #rested: ReadonlySet<Position>;

  constructor(
    readonly token: number,
    /** Of INBOUND: what a holder before us tells of errors is refused. */
    readonly fence: Fence,
    committed: Position,
    /** Up to here, what isn't done may have been interrupted. */
    readonly startedThrough: Position,
    /** Committed: nothing beyond it may start. */
    public reserved: Position,
    /** What the journal knew of runs beyond the position. */
    private readonly open: ReadonlyMap<Position, OpenRun>,
    /** What it knew of their steps. */
    private readonly steps: ReadonlyMap<Position, ReadonlyMap<string, string>>,
    /** Epoch ms. */
    now: number,
  ) {
    this.started = Math.max(committed, startedThrough);
    for (const position of [...open.keys(), ...steps.keys()]) this.journaled = Math.max(this.journaled, position);
    this.#rested = new Set([...steps].flatMap(([position, known]) => (restsAt(known, now) ? [position] : [])));
  }

  isDone(position: Position): boolean {
    return this.open.get(position)?.done === true;
  }

  /** Which attempt the next start is: 1 unless it may have been interrupted. */
  attempt(position: Position): number {
    if (position > this.startedThrough) return 1;
    const before = this.open.get(position)?.attempt ?? 1;
    return this.rested(position) ? Math.max(2, before) : before + 1;
  }

  rested(position: Position): boolean {
    return this.#rested.has(position);
  }

  /** What earlier attempts wrote down. */
  stepsOf(position: Position): ReadonlyMap<string, string> {
    return this.steps.get(position) ?? NONE;
  }

  /** Those that a raised reservation lets start. */
  raise(reserved: Position): Task[] {
    this.reserved = Math.max(this.reserved, reserved);
    const until = this.beyond.findIndex(({ position }) => position > this.reserved);
    return this.beyond.splice(0, until === -1 ? this.beyond.length : until).map(({ task }) => task);
  }
}
