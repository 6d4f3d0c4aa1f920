import { fault } from '#fault';
import { ConnectorError } from '#lib/connector-sdk';
import type { InboundEvent } from '#lib/contracts';
import { BusError, type BusErrorCode, type StoredAt } from '#lib/messaging';
import { busDelay } from '../time/backoff.ts';
import { deadLetterOf } from '../dead-letter.ts';
import { type Entry, recordEntry } from './entry.ts';
import { Events } from './events.ts';
import type { Identity } from '../identity.ts';
import { Numbering, resumeNumbers } from './numbers.ts';
import { persist } from '../persist.ts';
import type { HeldPartition, Shared } from '../shared.ts';

/** Publishes of one integration on their way at once: what may be held is the real bound. */
const WINDOW = 256;
/** Messages in a batch, and bytes of all but its last. A batch costs the server some 4 ms whatever is in it: fewer cost less one by one. */
const BATCH = 256;
const SMALLEST_BATCH = 16;
const BATCH_BYTES = 4 * 1024 * 1024;
/** Beyond this a message may be too large for the bus with its headers: it is published alone, so that a refusal leaves no hole in the numbers. */
const ALONE_BYTES = 7 * 1024 * 1024;
/** After a refusal because of fullness, one at a time for this long: a message refused between two that were stored would lose its place. */
const CAREFUL_MS = 60_000;

export const closing = (): ConnectorError => new ConnectorError('lost', 'The link is being closed.');

const hasProviderId = ({ message }: Entry): boolean => message?.providerId !== undefined;

/** At its first try, unless it is too large for the bus, or may be. */
const isBatched = (entry: Entry): boolean =>
  hasProviderId(entry) && entry.message?.cut === undefined && entry.order === 0 && entry.body.length <= ALONE_BYTES;

export interface LaneOwner {
  /** It has its outcome: stored (or buried), or never to be stored. */
  settled(entry: Entry, error: Error | undefined): void;
  /** Another may go. */
  freed(): void;
}

/**
 * Publishes one integration's events in their order, many on their way at once, and repeats what the bus didn't take, before anything new. Numbers are given here,
 * to exactly what is stored (docs/adr/0003, 0016). Messages that have an id of their provider go in batches, one on its way at a time, that are stored whole or not
 * at all; those of a batch that was refused go alone, and the number of one that the bus knew already is taken back.
 */
export class Lane {
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #partition: HeldPartition;
  readonly #owner: LaneOwner;
  readonly #events: Events;
  readonly #numbers = new Numbering();
  /** The next batch: it goes as soon as the source has handed over what it has at hand. */
  #gathered: Entry[] = [];
  #gatheredBytes = 0;
  /** Gathered ones too. */
  #inFlight = 0;
  /** To be published before anything new, in this order: refused ones, once nothing is on its way, and those that go one by one. */
  #again: Entry[] = [];
  #blocked = false;
  #alone = false;
  #resuming = false;
  #failures = 0;
  #carefulUntil = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(shared: Shared, of: Identity, partition: HeldPartition, incarnation: () => string, owner: LaneOwner) {
    this.#shared = shared;
    this.#of = of;
    this.#partition = partition;
    this.#owner = owner;
    this.#events = new Events(shared, of, partition.token, incarnation);
  }

  /** Nothing is on its way or waits to be repeated. */
  get idle(): boolean {
    return this.#inFlight === 0 && this.#again.length === 0;
  }

  /** Whether this one may go now; if not, `freed` says when to ask again. */
  takes(entry: Entry): boolean {
    if (this.#closed || this.#blocked || this.#again.length > 0 || !this.#hasRoom(entry)) return false;
    if (entry.message === undefined || this.#numbers.resumed) return true;
    if (!this.#resuming) void this.#resumeNumbers();
    return false;
  }

  /** Only what it takes. */
  publish(entry: Entry): void {
    this.#inFlight++;
    if (entry.message?.cut !== undefined) {
      this.#events.name(entry);
      void this.#bury(entry, 'oversize');
    } else if (isBatched(entry)) this.#gather(entry);
    else this.#publishOne(entry);
  }

  /** The partition is another's: nothing is published or repeated any more. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#again.splice(0)) this.#owner.settled(entry, closing());
  }

  #goesAlone(entry: Entry): boolean {
    return hasProviderId(entry) || entry.body.length > ALONE_BYTES || this.#carefulUntil > this.#shared.clock.monotonic();
  }

  #hasRoom(entry: Entry): boolean {
    if (this.#alone) return false;
    if (this.#gathered.length > 0) return isBatched(entry) && this.#gathered.length < BATCH && this.#gatheredBytes < BATCH_BYTES;
    return this.#inFlight < (this.#goesAlone(entry) ? 1 : WINDOW);
  }

  #eventOf(entry: Entry): InboundEvent {
    const event = this.#events.of(entry);
    if (entry.message !== undefined) this.#numbers.giveTo(event);
    return event;
  }

  #gather(entry: Entry): void {
    if (this.#gathered.length === 0) queueMicrotask(() => this.#publishGathered());
    this.#gathered.push(entry);
    this.#gatheredBytes += entry.body.length;
  }

  #publishGathered(): void {
    const entries = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (this.#closed) for (const entry of entries) this.#settle(entry, closing());
    else if (entries.length >= SMALLEST_BATCH) this.#publishBatch(entries);
    else this.#publishInTurn(entries);
  }

  #publishInTurn(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#events.of(entry);
      this.#putBack(entry);
    }
    this.#repeat();
  }

  #publishOne(entry: Entry): void {
    this.#alone = this.#goesAlone(entry);
    this.#shared.bus.publishInbound(this.#eventOf(entry), entry.messageId, this.#partition.fence).then(
      (at) => this.#onStored(entry, at),
      (error: unknown) => this.#onRefused(entry, error),
    );
  }

  #publishBatch(entries: readonly Entry[]): void {
    this.#alone = true;
    const batch = entries.map((entry) => ({ event: this.#eventOf(entry), messageId: entry.messageId }));
    this.#shared.bus.publishInboundBatch(batch, this.#partition.fence).then(
      (at) => this.#onBatchStored(entries, at),
      (error: unknown) => this.#onBatchRefused(entries, error),
    );
  }

  #onStored(entry: Entry, at: StoredAt): void {
    this.#failures = 0;
    if (entry.message !== undefined) {
      fault('connector.afterStore');
      if (hasProviderId(entry) && this.#numbers.isRedelivery(at)) {
        this.#takeBack(entry);
        this.#shared.metrics.notStored.inc({ reason: 'duplicate' });
      } else {
        this.#numbers.stored(at.position);
        this.#shared.metrics.stored.inc();
      }
    }
    this.#landed(entry, undefined);
  }

  #onBatchStored(entries: readonly Entry[], at: StoredAt): void {
    this.#failures = 0;
    this.#numbers.stored(at.position);
    for (const entry of entries) {
      fault('connector.afterStore');
      this.#shared.metrics.stored.inc();
      this.#settle(entry, undefined);
    }
    this.#goOn();
  }

  /** Nothing of it is stored, or we can't know. One by one they show what the bus knew before, what it can't take, and what is stored after all. */
  #onBatchRefused(entries: readonly Entry[], error: unknown): void {
    const code = error instanceof BusError ? error.code : undefined;
    const over = this.#closed || code === 'fenced';
    for (const entry of entries.toReversed()) this.#takeBack(entry);
    for (const entry of entries) {
      if (over) this.#settle(entry, closing());
      else this.#putBack(entry);
    }
    if (code === 'fenced') this.#shared.fenced(this.#partition);
    if (code === 'full' || code === 'unavailable') this.#backOff(code);
    this.#goOn();
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
    this.#putBack(entry);
    this.#backOff(error.code);
    this.#goOn();
  }

  #putBack(entry: Entry): void {
    this.#inFlight--;
    this.#again.push(entry);
  }

  #backOff(code: BusErrorCode): void {
    if (code === 'full') {
      this.#shared.full();
      this.#carefulUntil = this.#shared.clock.monotonic() + CAREFUL_MS;
    }
    this.#shared.metrics.storeRetries.inc({ reason: code });
    this.#blocked = true;
  }

  #landed(entry: Entry, error: Error | undefined): void {
    this.#settle(entry, error);
    this.#goOn();
  }

  #settle(entry: Entry, error: Error | undefined): void {
    this.#inFlight--;
    this.#owner.settled(entry, error);
  }

  #goOn(): void {
    this.#alone = false;
    if (this.#again.length === 0) this.#owner.freed();
    else if (!this.#blocked) this.#repeat();
    else if (this.#inFlight === 0) this.#repeatLater();
  }

  /** Once nothing is on its way: so that they go in their order. */
  #repeatLater(): void {
    this.#again.sort((a, b) => a.order - b.order);
    this.#shared.wheel.after(busDelay(this.#failures++, this.#shared.clock.random()), () => {
      this.#blocked = false;
      this.#repeat();
    });
  }

  #repeat(): void {
    for (;;) {
      const [entry] = this.#again;
      if (entry === undefined) return this.#owner.freed();
      if (this.#blocked || this.#closed || !this.#hasRoom(entry)) return;
      this.#again.shift();
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
    this.#numbers.resume(resumed);
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
    const event = this.#events.of(record);
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

  /** So with a message published alone, or a whole batch; one refused among others leaves a hole, which is told. */
  #takeBack({ event }: Entry): void {
    if (event === undefined) return;
    const { number } = event;
    if (!this.#numbers.takeBack(event))
      this.#shared.log.error({ integration: this.#of.integrationId, number }, 'a running number was lost');
  }
}
