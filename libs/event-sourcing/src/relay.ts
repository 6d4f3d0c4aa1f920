import type { DataSource } from 'typeorm';
import type { Logger } from '#lib/platform';
import { EVENTS_CHANNEL, type EventStore } from './event-store.ts';
import type { StoredEvent } from './event.ts';

/** Events of one step of the relay. */
const BATCH = 200;
/** It looks for events this often although nobody notified it, ms: a notification can be lost with its connection. */
const POLL_MS = 1_000;
const MAX_BACKOFF_MS = 5_000;

export interface RelayOptions {
  readonly database: DataSource;
  readonly store: EventStore;
  /** Publishes one event, durably. It must refuse to put an older state over a newer one: several relays may run, and any may be late. */
  publish(event: StoredEvent, epoch: number): Promise<void>;
  /** Names what is published to. When it is another one than before (it was made anew), everything is published again. */
  target(): Promise<string>;
  readonly log: Logger;
}

interface Progress {
  readonly epoch: number;
  readonly position: number;
  readonly target: string;
}

/**
 * Publishes the event store's events in order: the events table is the outbox. It remembers its position after publishing, so after a crash it publishes
 * some again. Never gives up: it backs off and says why through `trouble`.
 */
export class Relay {
  #stopped = false;
  #wake: () => void = () => undefined;
  #notified = false;
  #trouble: string | undefined = 'starting';
  #unlisten: (() => Promise<void>) | undefined;
  readonly #done: Promise<void>;

  constructor(private readonly options: RelayOptions) {
    this.#done = this.#run();
  }

  /** Why events are not published now; undefined: they are. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Lets the event at hand be published, and ends. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#done;
  }

  async #run(): Promise<void> {
    let checkTarget = true;
    for (let failures = 0; !this.#stopped;) {
      try {
        await this.#listen();
        if (checkTarget) await this.#followTarget();
        checkTarget = false;
        this.#notified = false;
        const published = await this.#step();
        failures = 0;
        this.#trouble = undefined;
        if (published < BATCH) await this.#sleep(POLL_MS);
      } catch (error) {
        checkTarget = true;
        failures++;
        this.#trouble = `configuration events are not published: ${error instanceof Error ? error.message : 'unknown error'}`;
        if (failures === 1) this.options.log.warn({ err: error }, 'the relay failed; it tries again');
        this.#notified = false;
        await this.#sleep(Math.random() * Math.min(MAX_BACKOFF_MS, 50 * 2 ** Math.min(failures, 10)));
      }
    }
    await this.#unlisten?.();
  }

  /** Publishes what lies beyond the position, one batch; how many that were. */
  async #step(): Promise<number> {
    const { epoch, position } = await this.#progress();
    const events = await this.options.store.tail(position, BATCH);
    let reached = position;
    try {
      for (const event of events) {
        if (this.#stopped) break;
        await this.options.publish(event, epoch);
        reached = event.position;
      }
    } finally {
      // A position never goes back, and not forward in an epoch that another raised meanwhile.
      if (reached > position)
        await this.options.database.query('update relay set position = $1 where position < $1 and epoch = $2', [reached, epoch]);
    }
    return events.length;
  }

  async #progress(): Promise<Progress> {
    const rows: { epoch: number; position: string; target: string }[] = await this.options.database.query(
      'select epoch, position, target from relay',
    );
    const [row] = rows;
    if (row === undefined) throw new Error('the relay has no row in its table');
    return { epoch: row.epoch, position: Number(row.position), target: row.target };
  }

  async #followTarget(): Promise<void> {
    const target = await this.options.target();
    const before = await this.#progress();
    if (before.target === target) return;
    if (before.target !== '') this.options.log.warn('what is published to was made anew: everything is published again');
    await this.options.database.query('update relay set target = $1, position = 0 where target = $2', [target, before.target]);
  }

  /** A session of its own that is told of appends. Its loss is noticed by its own error; the poll bridges the gap. */
  async #listen(): Promise<void> {
    if (this.#unlisten !== undefined) return;
    const session = this.options.database.createQueryRunner();
    try {
      const connection = (await session.connect()) as NodeJS.EventEmitter;
      const onNotification = (): void => {
        this.#notified = true;
        this.#wake();
      };
      const unlisten = async (): Promise<void> => {
        onLoss();
        connection.removeListener('error', onLoss);
        connection.removeListener('end', onLoss);
        // The connection goes back to the pool: it must not be told of appends there.
        await session
          .query(`unlisten ${EVENTS_CHANNEL}`)
          .catch((error: unknown) => this.options.log.debug({ err: error }, 'unlisten failed'));
        await session.release();
      };
      const onLoss = (): void => {
        connection.removeListener('notification', onNotification);
        if (this.#unlisten === unlisten) this.#unlisten = undefined;
      };
      connection.on('notification', onNotification);
      connection.once('error', onLoss);
      connection.once('end', onLoss);
      await session.query(`listen ${EVENTS_CHANNEL}`);
      this.#unlisten = unlisten;
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#stopped || this.#notified) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
  }
}

/** After a restore from a backup: everything is published again, and wins over what the bus has. */
export async function raiseEpoch(database: DataSource): Promise<number> {
  const rows: [{ epoch: number }[], number] = await database.query('update relay set epoch = epoch + 1, position = 0 returning epoch');
  return rows[0][0]?.epoch ?? 0;
}
