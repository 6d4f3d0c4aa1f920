import type { Position, ReadOptions, Reader } from '#lib/messaging';
import { Feed } from './feed.ts';
import type { Held } from './held.ts';
import type { Item, Poison } from './reader-types.ts';

const PARTITION_LIMIT = 2_000;
const TOTAL_LIMIT = 16_000;
const BYTES_LIMIT = 128 * 1024 * 1024;
/** What a message costs in memory besides its body, about. */
const OVERHEAD_BYTES = 512;

export interface DeliveriesOptions<M, E> {
  readonly read: (options: ReadOptions<M>) => Promise<Reader>;
  readonly onMessage: (message: M, item: Item<E>) => void;
  readonly onPoison: (poison: Poison, item: Item<E>) => void;
  readonly onError: (error: unknown) => void;
  readonly limits?: { readonly partition?: number; readonly total?: number; readonly bytes?: number };
  readonly held: ReadonlyMap<number, Held<M, E>>;
  readonly onFinished: (held: Held<M, E>) => void;
}

/** Brings messages from the bus to the caller, in order within a partition and never more than the bounds allow. */
export class Deliveries<M extends { readonly position: Position; readonly body: Uint8Array }, E> {
  readonly #limits: { readonly partition: number; readonly total: number; readonly bytes: number };
  /** The consumer that all partitions share, except those that are behind; and whom it reads for. */
  #shared: Feed<M> | undefined;
  #sharers: ReadonlySet<Held<M, E>> = new Set();
  /** Position up to which the shared consumer has shown everything. */
  #shown: Position = 0;
  #reopening: Promise<void> | undefined;
  #inFlight = 0;
  #bytes = 0;
  #closed = false;

  constructor(private readonly options: DeliveriesOptions<M, E>) {
    const { partition = PARTITION_LIMIT, total = TOTAL_LIMIT, bytes = BYTES_LIMIT } = options.limits ?? {};
    this.#limits = { partition, total, bytes };
  }

  /** Whether messages come, or none are wanted. */
  get reading(): boolean {
    return this.#shared?.isOpen ?? this.#wanted().length === 0;
  }

  /** Reads the partitions held now; calls that come together make one new consumer. */
  reopen(): void {
    this.#reopening ??= this.#reopen().finally(() => (this.#reopening = undefined));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#reopening;
    await this.#closeAll();
  }

  /** A partition that is gone: what of it was never finished takes no room any more. */
  forget(held: Held<M, E>): void {
    void held.lag?.feed?.close();
    held.lag = undefined;
    this.#bytes -= held.bytes;
    held.bytes = 0;
    this.relieve();
  }

  /** Lets the bus go on where there is room again. */
  relieve(): void {
    this.#inFlight = 0;
    for (const { progress } of this.options.held.values()) this.#inFlight += progress.inFlight;
    const full = this.#isFull();
    this.#shared?.hold(full);
    for (const held of this.#sharers) {
      if (held.lag === undefined || held.gone) continue;
      held.lag.feed?.hold(full);
      if (!full && this.#load(held) <= 0.5) held.lag.feed ??= this.#open([held.lease.partition], held.progress.seen);
    }
  }

  #wanted(): Held<M, E>[] {
    return this.#closed ? [] : [...this.options.held.values()].filter((held) => !held.closing);
  }

  async #reopen(): Promise<void> {
    await Promise.resolve(); // what else changes in this turn belongs to the same new consumer
    for (;;) {
      const wanted = this.#wanted();
      if (wanted.length === this.#sharers.size && wanted.every((held) => this.#sharers.has(held))) return;
      await this.#closeAll();
      if (wanted.length === 0) continue;
      this.#sharers = new Set(wanted);
      this.#shown = Math.min(...wanted.map(({ progress }) => progress.seen));
      this.#shared = this.#open(
        wanted.map(({ lease }) => lease.partition).sort((a, b) => a - b),
        this.#shown,
      );
      this.#shared.hold(this.#isFull());
    }
  }

  async #closeAll(): Promise<void> {
    await this.#shared?.close();
    for (const held of this.#sharers) {
      if (held.lag === undefined) held.progress.seen = Math.max(held.progress.seen, this.#shown);
      const own = held.lag?.feed;
      held.lag = undefined; // or a commit in the meantime would open another
      await own?.close();
    }
    this.#shared = undefined;
    this.#sharers = new Set();
  }

  #open(partitions: readonly number[], from: Position): Feed<M> {
    const feed: Feed<M> = new Feed<M>({
      read: this.options.read,
      onError: this.options.onError,
      request: {
        partitions,
        from,
        onMessage: (message, partition) =>
          this.#deliver(feed, partition, message.position, message.body.byteLength, (item) => this.options.onMessage(message, item)),
        onPoison: (poison) =>
          this.#deliver(feed, poison.partition, poison.position, poison.body.byteLength, (item) => this.options.onPoison(poison, item)),
      },
    });
    return feed;
  }

  #deliver(feed: Feed<M>, partition: number, position: Position, size: number, give: (item: Item<E>) => void): void {
    if (feed === this.#shared) this.#shown = position;
    const held = this.options.held.get(partition);
    // A partition that was lost and taken again begins at its committed position, which only a consumer made since then covers.
    if (held === undefined || held.closing || !this.#sharers.has(held) || position <= held.progress.seen) return;
    if (!this.#isWelcome(feed, held, position)) return;
    const finish = held.progress.deliver(position);
    const bytes = size + OVERHEAD_BYTES;
    this.#inFlight++;
    this.#bytes += bytes;
    held.bytes += bytes;
    held.busy++;
    this.#catchUp(held, position);
    give(new Delivery(partition, position, held, bytes, finish, this.#onFinished));
    if (this.#isFull()) feed.hold(true);
  }

  readonly #onFinished = (held: Held<M, E>, bytes: number): void => {
    this.#bytes -= bytes;
    held.bytes -= bytes;
    this.options.onFinished(held);
  };

  /**
   * A partition at its bound leaves the shared consumer for one of its own, made once there is room; that one is closed when the bound is reached again, as a
   * consumer that is only paused still hands over what it has pulled.
   */
  #isWelcome(feed: Feed<M>, held: Held<M, E>, position: Position): boolean {
    const { lag } = held;
    if (feed === this.#shared) {
      if (lag === undefined && this.#load(held) < 1) return true;
      if (lag === undefined) held.lag = { feed: undefined, ignored: position };
      else lag.ignored = position;
      return false;
    }
    if (feed !== lag?.feed) return false; // a late word of a consumer that was closed
    if (this.#load(held) < 1) return true;
    lag.feed = undefined;
    void feed.close();
    return false;
  }

  #catchUp(held: Held<M, E>, position: Position): void {
    if (held.lag === undefined || position < held.lag.ignored) return;
    void held.lag.feed?.close();
    held.lag = undefined;
  }

  /** How full a partition is: 1 = at its bound. */
  #load(held: Held<M, E>): number {
    return Math.max(held.progress.inFlight / this.#limits.partition, held.bytes / (this.#limits.bytes / 4));
  }

  #isFull(): boolean {
    return this.#inFlight >= this.#limits.total || this.#bytes >= this.#limits.bytes;
  }
}

/** A message on its way. */
class Delivery<M, E> implements Item<E> {
  #rests = false;

  constructor(
    readonly partition: number,
    readonly position: Position,
    private readonly held: Held<M, E>,
    private readonly bytes: number,
    private readonly finish: (effect: E) => boolean,
    private readonly onFinished: (held: Held<M, E>, bytes: number) => void,
  ) {}

  done(effect: E): void {
    const { held } = this;
    if (!this.finish(effect) || held.gone) return;
    this.onFinished(held, this.bytes);
    this.rest(true);
  }

  rest(resting: boolean): void {
    const { held } = this;
    if (resting === this.#rests) return;
    this.#rests = resting;
    held.busy += resting ? -1 : 1;
    if (held.busy === 0) held.onIdle?.();
  }
}
