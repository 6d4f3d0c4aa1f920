import { fault } from '#fault';
import { backOff } from './backoff.ts';
import type { Held } from './held.ts';
import { FencedError, type PositionStore } from './position-store.ts';
import type { Batch, Transaction } from './reader-types.ts';

const COMMIT_EVERY_MS = 50;
const COMMIT_AT = 500;

export interface CommitterOptions<M, E> {
  readonly store: PositionStore;
  readonly faultPoint: string;
  readonly apply: (transaction: Transaction, batches: readonly Batch<E>[]) => Promise<void>;
  readonly onCommitted: (held: readonly Held<M, E>[], batches: readonly Batch<E>[]) => void;
  readonly onFenced: (held: Held<M, E>) => void;
  readonly onError: (error: unknown) => void;
}

interface Part<M, E> {
  readonly held: Held<M, E>;
  readonly batch: Batch<E>;
}

/** Commits what has finished, one transaction at a time, for as long as it takes. */
export class Committer<M, E> {
  readonly #dirty = new Set<Held<M, E>>();
  readonly #ended = new AbortController();
  #finished = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #failing = false;

  constructor(private readonly options: CommitterOptions<M, E>) {}

  /** Whether the last try failed. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Something of this partition has finished, or a commit of it is wanted. */
  touch(held: Held<M, E>): void {
    this.#dirty.add(held);
    this.#finished++;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#running !== undefined || this.#dirty.size === 0 || this.#ended.signal.aborted) return;
    if (this.#finished >= COMMIT_AT) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), COMMIT_EVERY_MS);
  }

  /** Commits all that has finished by now; resolves once that is done, or nothing of it is ours any more, or `end` was called. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#finished = 0;
    const parts = [...this.#dirty].filter((held) => !held.gone).map((held) => this.#part(held));
    this.#dirty.clear();
    if (parts.length === 0) return;
    this.#running = this.#commit(parts).finally(() => {
      this.#running = undefined;
      this.#schedule();
    });
    await this.#running;
  }

  /** Gives up what could not be committed. */
  end(): void {
    clearTimeout(this.#timer);
    this.#ended.abort();
  }

  #part(held: Held<M, E>): Part<M, E> {
    return { held, batch: held.progress.takeBatch(held.lease.partition, held.lease.token) };
  }

  async #commit(all: readonly Part<M, E>[]): Promise<void> {
    let parts = all;
    for (let attempt = 0; !this.#ended.signal.aborted; attempt++) {
      parts = parts.filter(({ held }) => !held.gone);
      if (parts.length === 0) return;
      try {
        if (attempt > 0) parts = await this.#settleWhatIsCommitted(parts);
        if (parts.length > 0) await this.#transact(parts);
        this.#failing = false;
        return;
      } catch (error) {
        if (error instanceof FencedError) {
          for (const { held } of parts) if (error.partitions.includes(held.lease.partition)) this.options.onFenced(held);
          continue;
        }
        this.#failing = true;
        this.options.onError(error);
        await backOff(attempt, this.#ended.signal);
      }
    }
  }

  async #transact(parts: readonly Part<M, E>[]): Promise<void> {
    const batches = parts.map(({ batch }) => batch);
    const moves = parts.map(({ held, batch: { partition, token, through } }) => ({ partition, token, through, version: held.version }));
    await this.options.store.commit(moves, (manager) => this.options.apply(manager, batches));
    fault(this.options.faultPoint);
    this.#settle(parts);
  }

  /** A failed commit may have succeeded unseen: the row's version tells. */
  async #settleWhatIsCommitted(parts: readonly Part<M, E>[]): Promise<readonly Part<M, E>[]> {
    const rows = new Map((await this.options.store.read(parts.map(({ batch }) => batch.partition))).map((row) => [row.partition, row]));
    const isCommitted = ({ held, batch }: Part<M, E>): boolean => {
      const row = rows.get(batch.partition);
      return row?.token === batch.token && row.version === held.version + 1;
    };
    const committed = parts.filter(isCommitted);
    if (committed.length > 0) this.#settle(committed);
    return parts.filter((part) => !committed.includes(part));
  }

  #settle(parts: readonly Part<M, E>[]): void {
    for (const { held, batch } of parts) {
      held.version++;
      held.progress.settle(batch);
    }
    this.options.onCommitted(
      parts.map(({ held }) => held),
      parts.map(({ batch }) => batch),
    );
  }
}
