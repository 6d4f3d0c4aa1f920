import type { Position } from '#lib/messaging';

/** An inbound message whose triggers are stored in part or whole, all of them behind `after`. */
interface Open {
  readonly inbound: Position;
  readonly after: Position;
}

/** Closed ones at the front are cut off once there are this many. */
const COMPACT_AT = 512;

/**
 * How far one partition of TRIGGERED is settled: after a take-over nobody looks there for anything, as all of it was made from inbound messages that are committed,
 * or is on record. Whatever is stored of the others stands behind what was known to be stored when they were begun.
 */
export class Settled {
  /** In the order they were begun: what stands first stands behind the least. */
  readonly #open: Open[] = [];
  #head = 0;
  #recorded: Position = 0;
  #acknowledged: Position;

  /** `acknowledged`: all that earlier holders have stored stands before it. `found`: of the last of theirs that may not be committed, its inbound position. */
  constructor(acknowledged: Position, found: Position) {
    this.#acknowledged = acknowledged;
    if (found > 0) this.#open.push({ inbound: found, after: 0 });
  }

  /** This is stored, and so is what was published before. */
  acknowledge(position: Position): void {
    if (position > this.#acknowledged) this.#acknowledged = position;
  }

  /** Triggers of an inbound message are about to be published; `committed`: of INBOUND. */
  begin(inbound: Position, committed: Position): void {
    this.#close(committed);
    this.#open.push({ inbound, after: this.#acknowledged });
  }

  /** What is stored up to here is on record. */
  record(through: Position): void {
    this.#recorded = through;
  }

  /** Never falls. */
  through(committed: Position): Position {
    this.#close(committed);
    return Math.max(this.#recorded, this.#open[this.#head]?.after ?? this.#acknowledged);
  }

  #close(committed: Position): void {
    for (let first = this.#open[this.#head]; first !== undefined && first.inbound <= committed; first = this.#open[this.#head])
      this.#head++;
    if (this.#head < COMPACT_AT && this.#head < this.#open.length) return;
    this.#open.splice(0, this.#head);
    this.#head = 0;
  }
}
