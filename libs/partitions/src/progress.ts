import type { Position } from '#lib/messaging';
import type { Batch, Finished } from './reader-types.ts';

interface Entry<E> {
  readonly position: Position;
  finished: Finished<E> | undefined;
}

/** Finished entries at the front are cut off once there are this many. */
const COMPACT_AT = 512;

/** What is delivered, finished and committed of one partition. Pure bookkeeping: it never waits. */
export class Progress<E> {
  /** The last position given to the caller, or known to hold nothing of this partition before it. */
  seen: Position;
  #committed: Position;
  #through: Position;
  /** Delivered and not yet passed, in stream order, from `#head` on. */
  #entries: Entry<E>[] = [];
  #head = 0;
  #completed: Finished<E>[] = [];
  #passed: Finished<E>[] = [];
  /** Passed and being committed. */
  #committing = 0;

  constructor(committed: Position) {
    this.seen = this.#committed = this.#through = committed;
  }

  get committed(): Position {
    return this.#committed;
  }

  /** Delivered and not finished up to here. */
  get open(): number {
    return this.#entries.length - this.#head;
  }

  /** Delivered and not committed. */
  get inFlight(): number {
    return this.open + this.#passed.length + this.#committing;
  }

  /** Takes a message in; the function that it returns finishes it, once, and says whether this call did. */
  deliver(position: Position): (effect: E) => boolean {
    const entry: Entry<E> = { position, finished: undefined };
    this.seen = position;
    this.#entries.push(entry);
    return (effect) => {
      if (entry.finished !== undefined) return false;
      entry.finished = { position, effect };
      this.#completed.push(entry.finished);
      this.#advance();
      return true;
    };
  }

  #advance(): void {
    for (;;) {
      const first = this.#entries[this.#head];
      if (first?.finished === undefined) break;
      this.#passed.push(first.finished);
      this.#through = first.position;
      this.#head++;
    }
    if (this.#head < COMPACT_AT && this.#head < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  /** All that a commit should hold now; the next batch starts after it. One at a time: `settle` it before the next. */
  takeBatch(partition: number, token: number): Batch<E> {
    const batch = { partition, token, from: this.#committed, through: this.#through, completed: this.#completed, passed: this.#passed };
    this.#committing = this.#passed.length;
    this.#completed = [];
    this.#passed = [];
    return batch;
  }

  settle(batch: Batch<E>): void {
    this.#committed = batch.through;
    this.#committing = 0;
  }
}
