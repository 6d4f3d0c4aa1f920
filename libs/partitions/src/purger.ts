import type { Bus, Position } from '#lib/messaging';
import { inboundFilter, triggeredFilter } from '#lib/contracts';
import { delayBefore } from './backoff.ts';
import type { Held } from './held.ts';

/** A purge costs the server a few ms, so it isn't made at each commit; a subject's bound (10,000) lasts longer than this at any rate we reach. */
const PURGE_EVERY_MS = 250;

export interface PurgerOptions {
  readonly bus: Bus;
  readonly stream: 'INBOUND' | 'TRIGGERED';
  readonly purgeThrough: (partition: number, committed: Position) => Position | Promise<Position>;
  readonly onError: (error: unknown) => void;
}

/** Purges what is committed and nobody needs. It needs no fence: what is committed stays so, whoever holds the partition now. */
export class Purger<M, E> {
  readonly #wanted = new Set<Held<M, E>>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #ended = false;
  #held = false;
  #failures = 0;

  constructor(private readonly options: PurgerOptions) {}

  touch(held: Held<M, E>): void {
    this.#wanted.add(held);
    this.#schedule();
  }

  /** While held nothing is purged; what is wanted waits. */
  hold(held: boolean): void {
    this.#held = held;
    this.#schedule();
  }

  /** Purges what was touched; a failure is reported and tried again later. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#held) return;
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    const before = this.#failures;
    this.#running = Promise.all([this.#running, ...wanted.map((held) => this.#purge(held))]).then(() => {
      if (this.#failures === before) this.#failures = 0;
      this.#schedule();
    });
    await this.#running;
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#ended || this.#held || this.#wanted.size === 0) return;
    const wait = this.#failures === 0 ? PURGE_EVERY_MS : delayBefore(this.#failures);
    this.#timer ??= setTimeout(() => void this.flush(), wait);
  }

  async #purge(held: Held<M, E>): Promise<void> {
    const { bus, stream, purgeThrough, onError } = this.options;
    if (held.gone) return;
    const { partition } = held.lease;
    const { committed } = held.progress;
    try {
      const through = Math.min(await purgeThrough(partition, committed), committed);
      if (through > held.purged) {
        await bus.purge(stream, stream === 'INBOUND' ? inboundFilter(partition) : triggeredFilter(partition), through);
        held.purged = Math.max(held.purged, through);
        held.askedInVain = 0;
      }
      if (through < committed) this.#askAgain(held);
    } catch (error) {
      onError(error);
      this.#failures++;
      this.#wanted.add(held);
    }
  }

  /** Somebody needs what is committed here: a while later perhaps no more. */
  #askAgain(held: Held<M, E>): void {
    held.asking ??= setTimeout(
      () => {
        held.asking = undefined;
        this.touch(held);
      },
      delayBefore(held.askedInVain++),
    ).unref();
  }
}
