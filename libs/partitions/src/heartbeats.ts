import type { KvBucket } from '#lib/messaging';
import { pause } from './backoff.ts';
import { encodeHeartbeat } from './lease-view.ts';

export interface OwnershipClock {
  /** Never goes back, ms. */
  monotonic(): number;
  /** Epoch ms. */
  wall(): number;
}

export const machineClock: OwnershipClock = { monotonic: () => performance.now(), wall: () => Date.now() };

export interface HeartbeatOptions {
  readonly bucket: KvBucket;
  readonly key: string;
  readonly clock: OwnershipClock;
  readonly timing: { readonly heartbeat: number; readonly lease: number };
  /** How many partitions are held. */
  readonly held: () => number;
  readonly onRenewed: () => void;
  readonly onError: (error: unknown) => void;
}

/** Says every few seconds that this replica lives, and knows until when others must believe it. */
export class Heartbeats {
  readonly #ended = new AbortController();
  #loop: Promise<void> | undefined;
  #renewedAt = -Infinity;
  #lastAlive: number | undefined;

  /** `lastAlive`: the heartbeat found under this key, of a process that had our name before. */
  constructor(
    private readonly options: HeartbeatOptions,
    lastAlive: number | undefined,
  ) {
    this.#lastAlive = lastAlive;
  }

  /** The last heartbeat as a holder of anything, epoch ms. */
  get lastAlive(): number | undefined {
    return this.#lastAlive;
  }

  /** A fifth of the lease before anybody else may think us gone. */
  expired(): boolean {
    return this.options.clock.monotonic() - this.#renewedAt > this.options.timing.lease * 0.8;
  }

  async start(): Promise<void> {
    await this.#renew();
    this.#loop = this.#keepRenewing();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#loop;
  }

  async #renew(): Promise<boolean> {
    const { bucket, key, clock, held } = this.options;
    const started = clock.monotonic();
    const at = clock.wall();
    try {
      await bucket.put(key, encodeHeartbeat({ at, partitions: held() }));
    } catch (error) {
      this.options.onError(error);
      return false;
    }
    // Others count from when they see it, which is later than when we began.
    this.#renewedAt = started;
    if (held() > 0) this.#lastAlive = at;
    return true;
  }

  async #keepRenewing(): Promise<void> {
    const { heartbeat } = this.options.timing;
    for (let renewed = true; await pause(renewed ? heartbeat : heartbeat / 5, this.#ended.signal);) {
      renewed = await this.#renew();
      if (renewed) this.options.onRenewed();
    }
  }
}
