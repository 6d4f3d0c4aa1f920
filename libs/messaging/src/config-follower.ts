import type { LiveKind } from '#lib/contracts';
import { decodeConfig, decodeConfigPlace, type ConfigPlace } from './codec/config.ts';
import { HeaderLines } from './codec/headers.ts';
import type { Delivery } from './ordered-consumer.ts';
import { type Bus, BusError, type ConfigChange, type ConfigFollower } from './types.ts';

interface Waiter {
  readonly done: () => boolean;
  readonly resolve: () => void;
}

/** How many deleted aggregates are remembered, so that an event from before a deletion is still known to be older. */
const REMEMBERED_DELETIONS = 10_000;

/** Applies CONFIG in order: newest (epoch, version) of each aggregate, and how far it has come, whatever kind the last messages were of. */
export class ConfigApplier {
  readonly #kinds: ReadonlySet<string>;
  readonly #onChange: (change: ConfigChange) => void;
  readonly #onUndecodable: (subject: string, reason: string) => void;
  readonly #live = new Map<string, { epoch: number; version: number }>();
  readonly #deleted = new Map<string, { epoch: number; version: number }>();
  readonly #waiters = new Set<Waiter>();
  #sequence = 0;
  #epoch = 0;
  #eventPosition = 0;

  constructor(
    kinds: readonly LiveKind[],
    onChange: (change: ConfigChange) => void,
    onUndecodable: (subject: string, reason: string) => void = () => undefined,
  ) {
    this.#kinds = new Set(kinds);
    this.#onChange = onChange;
    this.#onUndecodable = onUndecodable;
  }

  get sequence(): number {
    return this.#sequence;
  }
  get eventPosition(): number {
    return this.#eventPosition;
  }

  apply(delivery: Pick<Delivery, 'sequence' | 'subject' | 'block' | 'body'>): void {
    // A store that recovers from a crash may show a message again that had already expired before we started.
    if (delivery.sequence <= this.#sequence) return;
    let change: ConfigChange | undefined;
    let place: ConfigPlace | undefined;
    try {
      const headers = new HeaderLines(delivery.block);
      place = decodeConfigPlace(delivery.subject, headers);
      if (this.#kinds.has(place.kind)) change = decodeConfig(delivery.subject, headers, delivery.body);
    } catch (error) {
      this.#onUndecodable(delivery.subject, error instanceof Error ? error.message : 'unknown');
    }
    if (change !== undefined && this.#isNewer(change)) this.#onChange(change);
    if (place !== undefined) this.#advanceEvent(place);
    this.advance(delivery.sequence);
  }

  /** Everything up to here was applied or concerns nobody. */
  advance(sequence: number): void {
    if (sequence > this.#sequence) this.#sequence = sequence;
    for (const waiter of this.#waiters) if (waiter.done()) waiter.resolve();
  }

  async until(done: () => boolean, timeoutMs: number, what: string): Promise<void> {
    if (done()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        settle();
      };
      const timer = setTimeout(
        () => finish(() => reject(new BusError('timeout', `configuration did not reach ${what} in time`))),
        timeoutMs,
      );
      const waiter: Waiter = { done, resolve: () => finish(resolve) };
      this.#waiters.add(waiter);
    });
  }

  #isNewer(change: ConfigChange): boolean {
    const key = `${change.kind}.${change.applicationId}.${change.id}`;
    const known = this.#live.get(key) ?? this.#deleted.get(key);
    if (known !== undefined && (change.epoch < known.epoch || (change.epoch === known.epoch && change.version <= known.version)))
      return false;
    const place = { epoch: change.epoch, version: change.version };
    this.#live.delete(key);
    this.#deleted.delete(key);
    if (change.state === null) this.#remember(key, place);
    else this.#live.set(key, place);
    return true;
  }

  #remember(key: string, place: { epoch: number; version: number }): void {
    this.#deleted.set(key, place);
    if (this.#deleted.size <= REMEMBERED_DELETIONS) return;
    const oldest = this.#deleted.keys().next();
    if (oldest.done !== true) this.#deleted.delete(oldest.value);
  }

  /** A restored event store counts on from an older position, in a higher epoch. */
  #advanceEvent(place: ConfigPlace): void {
    if (place.epoch < this.#epoch) return;
    this.#eventPosition = place.epoch > this.#epoch ? place.eventPosition : Math.max(this.#eventPosition, place.eventPosition);
    this.#epoch = place.epoch;
  }
}

export function configFollower(applier: ConfigApplier, stop: () => Promise<void>): ConfigFollower {
  return {
    get sequence() {
      return applier.sequence;
    },
    get eventPosition() {
      return applier.eventPosition;
    },
    reached: (sequence, timeoutMs) => applier.until(() => applier.sequence >= sequence, timeoutMs, `sequence ${sequence}`),
    reachedEvent: (position, timeoutMs) => applier.until(() => applier.eventPosition >= position, timeoutMs, `event ${position}`),
    stop,
  };
}

/** Whoever asks may have heard of a change a moment before us: it waits no longer for that, ms. */
const CATCH_UP_MS = 2_000;

/** Resolves once the follower has applied all that CONFIG holds now; or, told why, when that can't be. */
export async function catchUp(
  bus: Pick<Bus, 'streamInfo'>,
  follower: Pick<ConfigFollower, 'reached'> | undefined,
  onBehind: (error: unknown) => void,
): Promise<void> {
  try {
    const { end } = await bus.streamInfo('CONFIG');
    await follower?.reached(end, CATCH_UP_MS);
  } catch (error) {
    onBehind(error);
  }
}
