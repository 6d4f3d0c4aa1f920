import type { Position } from '#lib/messaging';
import { backOff } from './backoff.ts';
import { Committer } from './committer.ts';
import { Deliveries } from './deliveries.ts';
import type { Held } from './held.ts';
import type { Lease } from './ownership.ts';
import { PositionStore, type PositionRow } from './position-store.ts';
import { Progress } from './progress.ts';
import { Purger } from './purger.ts';
import { StreamChangedError, type PartitionReader, type PartitionReaderOptions } from './reader-types.ts';

const DRAIN_MS = 10_000;

/** Makes a reader that holds nothing yet: give its `take`, `release` and `lose` to {@link own}, and stop it before the ownership. */
export function createPartitionReader<M extends { readonly position: Position; readonly body: Uint8Array }, E>(
  options: PartitionReaderOptions<M, E>,
): PartitionReader {
  return new CommittedReader(options);
}

class CommittedReader<M extends { readonly position: Position; readonly body: Uint8Array }, E> implements PartitionReader {
  readonly #held = new Map<number, Held<M, E>>();
  /** Leases being taken: losing one removes it. */
  readonly #taking = new Map<number, Lease>();
  readonly #ended = new AbortController();
  /** Ends the look at the stream that an earlier connection began. */
  #checking = new AbortController();
  readonly #store: PositionStore;
  readonly #committer: Committer<M, E>;
  readonly #purger: Purger<M, E>;
  readonly #deliveries: Deliveries<M, E>;
  readonly #forgetConnection: () => void;
  /** When the stream that the positions belong to was made. */
  #created: string | undefined;
  #changed: StreamChangedError | undefined;

  constructor(private readonly options: PartitionReaderOptions<M, E>) {
    const { bus, database, stream, onError } = options;
    this.#store = new PositionStore(database, stream);
    this.#purger = new Purger({ bus, stream, purgeThrough: options.purgeThrough ?? ((_, committed) => committed), onError });
    this.#committer = new Committer({
      store: this.#store,
      faultPoint: options.faultPoint,
      apply: options.apply,
      onCommitted: (held, batches) => {
        options.onCommitted?.(batches);
        for (const one of held) if (!one.gone) this.#purger.touch(one);
        this.#deliveries.relieve();
      },
      onFenced: (held) => {
        this.#forget(held);
        options.onFenced(held.lease.partition);
      },
      onError,
    });
    this.#deliveries = new Deliveries({ ...options, held: this.#held, onFinished: (held) => this.#committer.touch(held) });
    this.#forgetConnection = bus.onConnection((connected) => {
      this.#purger.hold(true);
      this.#checking.abort();
      if (connected) void this.#checkStream();
    });
  }

  async take(leases: readonly Lease[]): Promise<void> {
    for (const lease of leases) this.#taking.set(lease.partition, lease);
    const wanted = (): Lease[] => leases.filter((lease) => this.#taking.get(lease.partition) === lease);
    try {
      const rows = await this.#rows(wanted);
      const taken = wanted().flatMap((lease) => {
        const row = rows.get(lease.partition);
        return row === undefined ? [] : [{ lease, row }];
      });
      for (const lease of wanted()) if (!rows.has(lease.partition)) this.options.onFenced(lease.partition);
      if (taken.length === 0) return;
      await this.options.prepare(taken.map(({ lease, row }) => ({ ...lease, committed: row.position })));
      const still = new Set(wanted());
      for (const { lease, row } of taken) if (still.has(lease)) this.#hold(lease, row);
      this.#deliveries.reopen();
    } finally {
      for (const lease of wanted()) this.#taking.delete(lease.partition);
    }
  }

  /** Our tokens into the table, retried for as long as any of these partitions is wanted. */
  async #rows(wanted: () => Lease[]): Promise<Map<number, PositionRow>> {
    for (let attempt = 0; ; attempt++) {
      const leases = wanted();
      if (leases.length === 0 || this.#ended.signal.aborted) return new Map();
      try {
        const { created } = await this.options.bus.streamInfo(this.options.stream);
        const rows = await this.#store.take(leases, created);
        this.#created = created;
        return new Map(rows.map((row) => [row.partition, row]));
      } catch (error) {
        if (error instanceof StreamChangedError) {
          this.#changed = error;
          throw error;
        }
        this.options.onError(error);
        await backOff(attempt, this.#ended.signal);
      }
    }
  }

  #hold(lease: Lease, row: PositionRow): void {
    const held: Held<M, E> = {
      lease,
      progress: new Progress<E>(row.position),
      version: row.version,
      closing: false,
      gone: false,
      purged: 0,
      askedInVain: 0,
      asking: undefined,
      bytes: 0,
      busy: 0,
      lag: undefined,
      onIdle: undefined,
    };
    this.#held.set(lease.partition, held);
    // The holder before us may have died between its commit and its purge.
    this.#purger.touch(held);
  }

  async release(leases: readonly Lease[]): Promise<void> {
    const mine = leases.flatMap((lease) => {
      this.#taking.delete(lease.partition);
      const held = this.#held.get(lease.partition);
      return held?.lease.token === lease.token ? [held] : [];
    });
    if (mine.length === 0) return;
    const deadline = AbortSignal.any([AbortSignal.timeout(this.options.drainMs ?? DRAIN_MS), this.#ended.signal]);
    await within(deadline, Promise.all(mine.map((held) => finished(held))));
    await within(deadline, this.#committer.flush());
    for (const held of mine) this.#purger.touch(held);
    await within(deadline, this.#purger.flush());
    for (const held of mine) this.#forget(held);
    this.#deliveries.reopen();
  }

  lose(leases: readonly Lease[]): void {
    for (const lease of leases) {
      if (this.#taking.get(lease.partition)?.token === lease.token) this.#taking.delete(lease.partition);
      const held = this.#held.get(lease.partition);
      if (held?.lease.token === lease.token) this.#forget(held);
    }
    this.#deliveries.reopen();
  }

  #forget(held: Held<M, E>): void {
    if (held.gone) return;
    held.gone = true;
    held.onIdle?.();
    if (this.#held.get(held.lease.partition) === held) this.#held.delete(held.lease.partition);
    this.#deliveries.forget(held);
  }

  committed(partition: number): Position | undefined {
    return this.#held.get(partition)?.progress.committed;
  }

  requestCommit(partition: number): void {
    const held = this.#held.get(partition);
    if (held !== undefined) this.#committer.touch(held);
  }

  ready(): { readonly ok: boolean; readonly reason?: string } {
    if (this.#changed !== undefined) return { ok: false, reason: this.#changed.message };
    if (this.#taking.size > 0) return { ok: false, reason: `${this.#taking.size} partitions are being taken over` };
    if (this.#committer.failing) return { ok: false, reason: 'PostgreSQL does not take commits' };
    if (!this.#deliveries.reading) return { ok: false, reason: `stream ${this.options.stream} can't be read` };
    return { ok: true };
  }

  async stop(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#forgetConnection();
    this.#taking.clear();
    await this.release([...this.#held.values()].map(({ lease }) => lease));
    this.#ended.abort();
    this.#checking.abort();
    this.#committer.end();
    this.#purger.end();
    await this.#deliveries.close();
  }

  /** After an interruption the bus may be another one: sequences would then mean other messages, so nothing is purged before this was looked at. */
  async #checkStream(): Promise<void> {
    this.#checking = new AbortController();
    const { signal } = this.#checking;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const { created } = await this.options.bus.streamInfo(this.options.stream);
        if (signal.aborted) return;
        if (this.#created === undefined || created === this.#created) return this.#purger.hold(false);
        this.#changed = new StreamChangedError(this.options.stream);
        this.options.onError(this.#changed);
        return this.lose([...this.#held.values()].map(({ lease }) => lease));
      } catch (error) {
        this.options.onError(error);
        await backOff(attempt, signal);
      }
    }
  }
}

/** Resolves once nothing delivered of it is unfinished but what rests. */
async function finished<M, E>(held: Held<M, E>): Promise<void> {
  held.closing = true;
  if (held.busy === 0) return;
  await new Promise<void>((resolve) => (held.onIdle = resolve));
}

/** Waits for work, but not beyond the deadline; the work itself reports its failures. */
async function within(deadline: AbortSignal, work: Promise<unknown>): Promise<void> {
  if (deadline.aborted) return;
  let stopWaiting: () => void = () => undefined;
  const late = new Promise<void>((resolve) => (stopWaiting = resolve));
  deadline.addEventListener('abort', stopWaiting, { once: true });
  await Promise.race([work, late]);
  deadline.removeEventListener('abort', stopWaiting);
}
