import { type Activity, StatusRecord } from '#lib/contracts';
import { type Bus, BusError, type KvBucket } from '#lib/messaging';
import type { Logger } from '#lib/platform';
import { busDelay } from '../time/backoff.ts';
import type { Clock } from '../time/clock.ts';
import type { Identity } from '../identity.ts';
import type { TimerWheel } from '../time/wheel.ts';

/** Writes on their way at once. */
const CONCURRENT = 64;

/**
 * Writes statuses to bucket STATUS: the newest of each integration, a few at a time, for as long as it takes. Each write is a compare-and-set, so a holder
 * that was paused and lost its partition can't overwrite its successor's.
 */
export class StatusBoard {
  readonly #bus: Bus;
  readonly #bucket: KvBucket;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #log: Logger;
  readonly #wanted = new Map<string, StatusRecord | 'purge'>();
  readonly #writing = new Set<string>();
  readonly #revisions = new Map<string, number>();
  readonly #own = new Set<string>();
  #failures = 0;
  #waiting = false;
  #idle: (() => void)[] = [];

  constructor(bus: Bus, clock: Clock, wheel: TimerWheel, log: Logger) {
    this.#bus = bus;
    this.#bucket = bus.kv('STATUS');
    this.#clock = clock;
    this.#wheel = wheel;
    this.#log = log;
  }

  /** Every status there is, by key; also what later writes are compared with. One scan, for a take-over. */
  async load(): Promise<Map<string, StatusRecord>> {
    const found = new Map<string, StatusRecord>();
    for (const { key, value, revision } of await this.#bucket.entries('')) {
      if (!this.#own.has(key)) this.#revisions.set(key, revision);
      const record = StatusRecord.safeParse(parseJson(value));
      if (record.success) found.set(key, record.data);
    }
    return found;
  }

  set(key: string, record: StatusRecord): void {
    this.#wanted.set(key, record);
    this.#work();
  }

  purge(key: string): void {
    this.#wanted.set(key, 'purge');
    this.#work();
  }

  /** The partition is another's. */
  drop(key: string): void {
    this.#wanted.delete(key);
    this.#revisions.delete(key);
    this.#own.delete(key);
  }

  announce(of: Identity, record: StatusRecord): void {
    const body: Activity['body'] = { state: record.state, since: record.since, version: record.appliedVersion };
    if (record.reason !== undefined) body['reason'] = record.reason;
    this.#bus.publishActivity({
      kind: 'status',
      id: of.integrationId,
      applicationId: of.applicationId,
      time: new Date(this.#clock.epoch()).toISOString(),
      body,
    });
  }

  /** Resolves when all is written. */
  flush(): Promise<void> {
    if (this.#wanted.size === 0 && this.#writing.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #work(): void {
    if (this.#waiting) return;
    for (const [key, record] of this.#wanted) {
      if (this.#writing.size >= CONCURRENT) return;
      if (this.#writing.has(key)) continue;
      this.#wanted.delete(key);
      this.#writing.add(key);
      this.#write(key, record).then(
        () => this.#done(key, undefined),
        (error: unknown) => this.#done(key, { error, record }),
      );
    }
    if (this.#writing.size === 0) for (const wake of this.#idle.splice(0)) wake();
  }

  async #write(key: string, record: StatusRecord | 'purge'): Promise<void> {
    if (record === 'purge') {
      await this.#bucket.purge(key);
      this.drop(key);
      return;
    }
    const value = Buffer.from(JSON.stringify(record));
    try {
      this.#revisions.set(key, await this.#bucket.compareAndSet(key, value, this.#revisions.get(key) ?? 0));
      this.#own.add(key);
    } catch (error) {
      if (!(error instanceof BusError) || error.code !== 'sequence') throw error;
      const now = await this.#bucket.get(key);
      const holder = now === undefined ? undefined : StatusRecord.safeParse(parseJson(now.value)).data?.holder;
      // Once we have written, only a newer holder writes too.
      if (this.#own.has(key) && holder !== undefined && holder !== record.holder) return;
      this.#revisions.set(key, now?.revision ?? 0);
      throw error;
    }
  }

  #done(key: string, failed: { error: unknown; record: StatusRecord | 'purge' } | undefined): void {
    this.#writing.delete(key);
    if (failed === undefined) this.#failures = 0;
    else {
      if (!this.#wanted.has(key)) this.#wanted.set(key, failed.record);
      const conflict = failed.error instanceof BusError && failed.error.code === 'sequence';
      if (!conflict && !this.#waiting) this.#pause(failed.error);
    }
    this.#work();
  }

  #pause(error: unknown): void {
    this.#waiting = true;
    if (this.#failures === 3) this.#log.warn({ err: error }, 'statuses cannot be written: still trying');
    this.#wheel.after(busDelay(this.#failures++, this.#clock.random()), () => {
      this.#waiting = false;
      this.#work();
    });
  }
}

function parseJson(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value).toString('utf8'));
  } catch {
    return undefined;
  }
}
