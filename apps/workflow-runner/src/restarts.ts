import type { Position } from '#lib/messaging';
import type { Transaction } from '#lib/partitions';
import { persist, type KeepTrying } from './dead-letters.ts';
import { runJournal, type PartitionToken } from './persistence/run-journal.ts';
import type { Scheduler, Task } from './scheduler.ts';

/** A run that may have been interrupted, and waits to start again. */
export interface Restart extends PartitionToken {
  readonly position: Position;
  readonly attempt: number;
  readonly task: Task;
  /** It was interrupted in a delay, so it is not what ended the process. */
  readonly rested: boolean;
  /** Resolves when it has ended, waits in a delay, or is not ours to run any more. */
  readonly over: Promise<void>;
}

/**
 * Commits each restart before it happens (docs/adr/0002): together where it is the first, as a crash interrupts many that did no harm; from the second on one
 * run at a time in this process, so that one which kills the process is the only one whose attempts rise with each crash.
 */
export class Restarts {
  #first: Restart[] = [];
  #committing = false;
  readonly #suspects: Restart[] = [];
  #trying = false;

  constructor(
    private readonly database: Transaction,
    private readonly scheduler: Scheduler,
    private readonly keepTrying: KeepTrying,
  ) {}

  add(restart: Restart): void {
    if (restart.attempt === 2 || restart.rested) {
      this.#first.push(restart);
      if (!this.#committing) void this.#commitFirst();
    } else {
      this.#suspects.push(restart);
      if (!this.#trying) void this.#trySuspects();
    }
  }

  async #commitFirst(): Promise<void> {
    this.#committing = true;
    await new Promise((resolve) => setImmediate(resolve)); // what the reader delivers at once is one batch
    while (this.#first.length > 0 && !this.keepTrying.signal.aborted) {
      const batch = this.#first;
      this.#first = [];
      await this.#begin(batch);
    }
    this.#committing = false;
  }

  async #trySuspects(): Promise<void> {
    this.#trying = true;
    for (let next = this.#suspects.shift(); next !== undefined; next = this.#suspects.shift()) {
      await this.#begin([next]);
      if (this.keepTrying.signal.aborted) break;
      await next.over;
    }
    this.#trying = false;
  }

  async #begin(restarts: readonly Restart[]): Promise<void> {
    await persist(this.keepTrying, () => runJournal.attempts(this.database, restarts));
    if (!this.keepTrying.signal.aborted) this.scheduler.clear(restarts.map(({ task }) => task));
  }
}
