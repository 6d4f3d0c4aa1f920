import { fault } from '#fault';
import { ConnectorError } from '#lib/connector-sdk';
import type { InboundEvent } from '#lib/contracts';
import { BusError, type Position, type StoredAt } from '#lib/messaging';
import { busDelay } from './backoff.ts';
import { deadLetterOf } from './dead-letter.ts';
import { type Entry, recordEntry } from './entry.ts';
import type { Identity } from './identity.ts';
import { resumeNumbers } from './numbers.ts';
import { persist } from './persist.ts';
import type { HeldPartition, Shared } from './shared.ts';

/** Publishes of one integration on their way at once: what may be held is the real bound. */
const WINDOW = 256;
/** Beyond this a message may be too large for the bus with its headers: it is published alone, so that a refusal leaves no hole in the numbers. */
const ALONE_BYTES = 7 * 1024 * 1024;
/** After a refusal because of fullness, one at a time for this long: a message refused between two that were stored would lose its place. */
const CAREFUL_MS = 60_000;

export const closing = (): ConnectorError => new ConnectorError('lost', 'The link is being closed.');

export interface LaneOwner {
  /** It has its outcome: stored (or buried), or never to be stored. */
  settled(entry: Entry, error: Error | undefined): void;
  /** Another may go. */
  freed(): void;
}

/**
 * Publishes one integration's events in their order, many on their way at once, and repeats what the bus didn't take, before anything new. Numbers are given here,
 * to exactly what is stored (docs/adr/0003): a message that has an id of its provider goes alone, and its number is taken back when the bus knew it already.
 */
export class Lane {
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #partition: HeldPartition;
  readonly #incarnation: () => string;
  readonly #owner: LaneOwner;
  #inFlight = 0;
  /** Refused ones, repeated once nothing is on its way. */
  #failed: Entry[] = [];
  #blocked = false;
  #alone = false;
  #next: number | undefined;
  #resuming = false;
  /** All that is stored of this integration, as far as we know, stands at or before this. */
  #through: Position = 0;
  #counter = 0;
  #failures = 0;
  #carefulUntil = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(shared: Shared, of: Identity, partition: HeldPartition, incarnation: () => string, owner: LaneOwner) {
    this.#shared = shared;
    this.#of = of;
    this.#partition = partition;
    this.#incarnation = incarnation;
    this.#owner = owner;
  }

  /** Nothing is on its way or waits to be repeated. */
  get idle(): boolean {
    return this.#inFlight === 0 && this.#failed.length === 0;
  }

  /** Whether this one may go now; if not, `freed` says when to ask again. */
  takes(entry: Entry): boolean {
    if (this.#closed || this.#blocked || this.#failed.length > 0 || !this.#hasRoom(entry)) return false;
    if (entry.message === undefined || this.#next !== undefined) return true;
    if (!this.#resuming) void this.#resumeNumbers();
    return false;
  }

  /** Only what it takes. */
  publish(entry: Entry): void {
    if (entry.message?.cut !== undefined) {
      this.#name(entry);
      this.#inFlight++;
      void this.#bury(entry, 'oversize');
      return;
    }
    entry.event ??= this.#eventOf(entry);
    this.#alone = this.#goesAlone(entry);
    this.#inFlight++;
    this.#shared.bus.publishInbound(entry.event, entry.messageId, this.#partition.fence).then(
      (at) => this.#onStored(entry, at),
      (error: unknown) => this.#onRefused(entry, error),
    );
  }

  /** The partition is another's: nothing is published or repeated any more. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#failed.splice(0)) this.#owner.settled(entry, closing());
  }

  #goesAlone(entry: Entry): boolean {
    return (
      entry.message?.providerId !== undefined || entry.body.length > ALONE_BYTES || this.#carefulUntil > this.#shared.clock.monotonic()
    );
  }

  #hasRoom(entry: Entry): boolean {
    return !this.#alone && this.#inFlight < (this.#goesAlone(entry) ? 1 : WINDOW);
  }

  #name(entry: Entry): void {
    const { integrationId } = this.#of;
    const providerId = entry.message?.providerId;
    entry.order = ++this.#counter;
    entry.messageId =
      providerId === undefined
        ? `${integrationId}:${this.#partition.token}:${entry.order}`
        : `${integrationId}:${this.#incarnation()}:${providerId}`;
  }

  #eventOf(entry: Entry): InboundEvent {
    const { integrationId, applicationId } = this.#of;
    const { message } = entry;
    this.#name(entry);
    const event: InboundEvent = {
      type: entry.kind,
      id: entry.messageId,
      applicationId,
      sourceId: integrationId,
      sourceType: this.#shared.type,
      time: new Date(message === undefined ? entry.at : this.#shared.clock.epoch()).toISOString(),
      configSequence: this.#shared.configSequence(),
      attributes: entry.attributes,
      body: entry.body,
    };
    if (message === undefined || this.#next === undefined) return event;
    event.number = this.#next++;
    if (message.redelivered === true) event.redelivered = true;
    return event;
  }

  #onStored(entry: Entry, at: StoredAt): void {
    this.#failures = 0;
    if (entry.message !== undefined) {
      fault('connector.afterStore');
      // A duplicate that stands after all we know of is our own earlier try, whose outcome was unknown: it has this number.
      if (at.duplicate && entry.message.providerId !== undefined && at.position <= this.#through) {
        this.#takeBack(entry);
        this.#shared.metrics.notStored.inc({ reason: 'duplicate' });
      } else {
        if (at.position > this.#through) this.#through = at.position;
        this.#shared.metrics.stored.inc();
      }
    }
    this.#landed(entry, undefined);
  }

  #onRefused(entry: Entry, error: unknown): void {
    if (this.#closed) return this.#landed(entry, closing());
    if (!(error instanceof BusError) || error.code === 'tooLarge') {
      this.#takeBack(entry);
      void this.#bury(entry, error instanceof BusError ? 'oversize' : 'unstorable');
      return;
    }
    if (error.code === 'fenced') {
      this.#landed(entry, closing());
      this.#shared.fenced(this.#partition);
      return;
    }
    if (error.code === 'full') {
      this.#shared.full();
      this.#carefulUntil = this.#shared.clock.monotonic() + CAREFUL_MS;
    }
    this.#shared.metrics.storeRetries.inc({ reason: error.code });
    this.#failed.push(entry);
    this.#blocked = true;
    this.#inFlight--;
    this.#alone = false;
    if (this.#inFlight === 0) this.#repeatLater();
  }

  #landed(entry: Entry, error: Error | undefined): void {
    this.#inFlight--;
    this.#alone = false;
    this.#owner.settled(entry, error);
    if (this.#failed.length === 0) this.#owner.freed();
    else if (this.#blocked && this.#inFlight === 0) this.#repeatLater();
    else if (!this.#blocked) this.#repeat();
  }

  /** Once nothing is on its way: so that they go in their order. */
  #repeatLater(): void {
    this.#failed.sort((a, b) => a.order - b.order);
    this.#shared.wheel.after(busDelay(this.#failures++, this.#shared.clock.random()), () => {
      this.#blocked = false;
      this.#repeat();
    });
  }

  #repeat(): void {
    for (;;) {
      const [entry] = this.#failed;
      if (entry === undefined) return this.#owner.freed();
      if (this.#blocked || this.#closed || !this.#hasRoom(entry)) return;
      this.#failed.shift();
      this.publish(entry);
    }
  }

  async #resumeNumbers(): Promise<void> {
    this.#resuming = true;
    const { bus } = this.#shared;
    const { applicationId, integrationId } = this.#of;
    const resumed = await this.#persist('resuming the running numbers', () => resumeNumbers(bus, applicationId, integrationId));
    this.#resuming = false;
    if (resumed === undefined) return;
    this.#through = resumed.through;
    this.#next = resumed.highest + 1;
    this.#owner.freed();
  }

  /** A message that can never be stored: its dead letter, then its record, then it counts as done. */
  async #bury(entry: Entry, reason: 'oversize' | 'unstorable'): Promise<void> {
    this.#shared.metrics.notStored.inc({ reason });
    const letter = deadLetterOf({
      ...this.#of,
      id: entry.messageId,
      stage: 'inbound',
      reason,
      message: reason === 'oversize' ? 'The message is larger than 8 MB.' : 'The message could not be put into an event.',
      attributes: reason === 'oversize' ? entry.attributes : {},
      body: entry.body,
      cut: entry.message?.cut,
      now: entry.at,
    });
    await this.#persist('storing a dead letter', () => this.#shared.bus.publishDeadLetter(letter));
    const record = recordEntry('oversize', { size: letter.size, reason }, entry.at);
    const event = this.#eventOf(record);
    await this.#persist('recording a message that cannot be stored', () =>
      this.#shared.bus.publishInbound(event, record.messageId, this.#partition.fence).catch((error: unknown) => {
        if (error instanceof BusError && error.code === 'fenced') this.#shared.fenced(this.#partition);
        throw error;
      }),
    );
    this.#landed(entry, this.#closed ? closing() : undefined);
  }

  #persist<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return persist(this.#shared, what, () => this.#closed, work);
  }

  /** The number was not used: the next message gets it. So with a message published alone; one refused among others leaves a hole, which is told. */
  #takeBack(entry: Entry): void {
    const number = entry.event?.number;
    if (number === undefined) return;
    if (this.#next === number + 1) this.#next = number;
    else this.#shared.log.error({ integration: this.#of.integrationId, number }, 'a running number was lost');
  }
}
