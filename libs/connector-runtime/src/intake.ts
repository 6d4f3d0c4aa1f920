import { fault } from '#fault';
import { ConnectorError, type ReceivedMessage } from '#lib/connector-sdk';
import type { InboundEvent, PlanLimits } from '#lib/contracts';
import { BusError, type Position, type StoredAt } from '#lib/messaging';
import { busDelay } from './backoff.ts';
import { deadLetterOf } from './dead-letter.ts';
import { type Entry, type RecordKind, messageEntry, recordEntry } from './entry.ts';
import { Holding } from './holding.ts';
import { resumeNumbers } from './numbers.ts';
import { persist } from './persist.ts';
import type { Identity } from './identity.ts';
import type { HeldPartition, Shared } from './shared.ts';
import { TokenBucket } from './throttle.ts';
import type { Timer } from './wheel.ts';

/** Publishes of one integration on their way at once: the bound of what is held is the real one. */
const WINDOW = 256;
/** Beyond this a message may be too large for the bus with its headers: it is published alone, so that a refusal leaves no hole in the numbers. */
const ALONE_BYTES = 7 * 1024 * 1024;
/** After a refusal because of fullness, one at a time for this long: a message refused between two that were stored would lose its place. */
const CAREFUL_MS = 60_000;
/** Connects, disconnects and gaps that wait while the bus is away. */
const MAX_CONTROLS = 64;

/**
 * One integration's way to the bus: keeps order, waits for the throttle, gives running numbers, retries while the bus is away or full, and holds the source
 * back meanwhile. A message with an id of its provider is published alone, and its number is taken back when the bus knew it already: so a number is given to
 * exactly what is stored (docs/adr/0003). Events beside messages (connect, gap, …) go through the same queue, unthrottled and unnumbered.
 */
export class Intake {
  readonly holding: Holding;
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #partition: HeldPartition;
  readonly #bucket: TokenBucket;
  readonly #incarnation: () => string;
  readonly #queue: Entry[] = [];
  readonly #failed: Entry[] = [];
  #inFlight = 0;
  #alone = false;
  #next: number | undefined;
  #resuming = false;
  #stored: Position = 0;
  #counter = 0;
  #failures = 0;
  #carefulUntil = 0;
  #blocked = false;
  #timer: Timer | undefined;
  #stopped: 'no' | 'draining' | 'aborted' = 'no';
  #paused = false;
  readonly #waiting: { readonly until: () => boolean; readonly wake: () => void }[] = [];
  #surplus: { from: number; to: number } | undefined;

  constructor(
    shared: Shared,
    of: Identity,
    partition: HeldPartition,
    limits: Pick<PlanLimits, 'messagesPerSecond' | 'burst'>,
    options: { onHeld: (held: boolean) => void; incarnation: () => string },
  ) {
    this.#shared = shared;
    this.#of = of;
    this.#partition = partition;
    this.#bucket = new TokenBucket(limits.messagesPerSecond, limits.burst, shared.clock.monotonic());
    this.#incarnation = options.incarnation;
    this.holding = new Holding((held) => {
      if (!held) this.#endSurplus();
      options.onHeld(held);
    });
  }

  setLimits(limits: Pick<PlanLimits, 'messagesPerSecond' | 'burst'>): void {
    this.#bucket.configure(limits.messagesPerSecond, limits.burst, this.#shared.clock.monotonic());
    this.#pump();
  }

  /** Resolves once it is durable, or dropped and recorded; rejects when it never will be: don't acknowledge. */
  receive(message: ReceivedMessage, redeliverable: boolean): Promise<void> {
    fault('connector.afterReceive');
    this.#shared.metrics.received.inc();
    if (this.#stopped !== 'no') return Promise.reject(closing());
    if (message.droppable === true && this.holding.held) {
      this.#drop();
      return Promise.resolve();
    }
    if (this.holding.overrun) return Promise.reject(new ConnectorError('lost', 'More messages came than were asked for.'));
    this.#endSurplus();
    return new Promise((resolve, reject) => {
      this.holding.add(message.body.length);
      this.#queue.push(messageEntry(message, redeliverable, this.#shared.clock.epoch(), resolve, reject));
      this.#pump();
    });
  }

  /** An event beside the messages, in order with them. `at`: epoch ms, when it happened. */
  record(kind: RecordKind, attributes: Record<string, unknown>, at: number): void {
    if (this.#stopped === 'aborted') return;
    if (this.#queue.length >= MAX_CONTROLS && this.#queue.filter((entry) => entry.kind !== 'message').length >= MAX_CONTROLS) {
      this.#shared.log.warn({ integration: this.#of.integrationId, kind }, 'too many events wait for the bus: one was not recorded');
      return;
    }
    this.#queue.push(recordEntry(kind, attributes, at));
    this.#pump();
  }

  gap(from: number, to: number, cause: string): void {
    this.record('gap', { from: new Date(from).toISOString(), to: new Date(to).toISOString(), cause }, to);
  }

  /** The link is gone: what the provider will deliver again, and was not given a number yet, is let go. */
  letGo(): void {
    const kept: Entry[] = [];
    for (const entry of this.#queue) {
      if (!entry.redeliverable || entry.event !== undefined) kept.push(entry);
      else this.#settle(entry, closing());
    }
    this.#queue.splice(0, this.#queue.length, ...kept);
  }

  /** Takes no more, stores what can't be had again (the throttle aside), and resolves when nothing is left. */
  drain(): Promise<void> {
    this.#endSurplus();
    this.#paused = false;
    if (this.#stopped === 'no') this.#stopped = 'draining';
    this.letGo();
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#blocked) this.#pump();
    else this.#retryLater();
    return this.#when(() => this.#isIdle());
  }

  /** Starts no new publish until `resume`, and resolves when those on their way have their outcome. */
  quiet(): Promise<void> {
    this.#paused = true;
    return this.#when(() => this.#inFlight === 0 && this.#failed.length === 0 && this.#queue.every((entry) => entry.event === undefined));
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  /** The partition is another's: nothing is stored or acknowledged any more. */
  abort(): void {
    this.#stopped = 'aborted';
    this.#timer?.cancel();
    for (const entry of [...this.#failed, ...this.#queue]) this.#settle(entry, closing());
    this.#failed.length = 0;
    this.#queue.length = 0;
    this.#wake();
  }

  #pump(): void {
    for (;;) {
      const entry = this.#queue[0];
      if (entry === undefined || this.#blocked || this.#alone || this.#stopped === 'aborted') return;
      // What was begun is brought to its end.
      if (this.#paused && entry.event === undefined) return;
      const alone =
        entry.message?.providerId !== undefined ||
        entry.body.length > ALONE_BYTES ||
        (this.#carefulUntil > 0 && this.#carefulUntil > this.#shared.clock.monotonic());
      if (this.#inFlight >= (alone ? 1 : WINDOW)) return;
      if (entry.message !== undefined && entry.event === undefined) {
        if (this.#next === undefined) {
          if (!this.#resuming) void this.#resumeNumbers();
          return;
        }
        const wait = this.#stopped === 'no' ? this.#bucket.take(this.#shared.clock.monotonic()) : 0;
        if (wait > 0) {
          this.#timer ??= this.#shared.wheel.after(wait, () => {
            this.#timer = undefined;
            this.#pump();
          });
          return;
        }
      }
      this.#queue.shift();
      this.#alone = alone;
      this.#publish(entry);
    }
  }

  #publish(entry: Entry): void {
    entry.event ??= this.#eventOf(entry);
    this.#inFlight++;
    this.#shared.bus.publishInbound(entry.event, entry.messageId, this.#partition.fence).then(
      (at) => this.#onStored(entry, at),
      (error: unknown) => this.#onRefused(entry, error),
    );
  }

  #eventOf(entry: Entry): InboundEvent {
    const { integrationId, applicationId } = this.#of;
    entry.order = ++this.#counter;
    const own = `${integrationId}:${this.#partition.token}:${entry.order}`;
    const { message } = entry;
    entry.messageId = message?.providerId === undefined ? own : `${integrationId}:${this.#incarnation()}:${message.providerId}`;
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
    this.#landed();
    this.#failures = 0;
    if (entry.message !== undefined) {
      fault('connector.afterStore');
      // A duplicate that stands after all we know of is our own earlier try, whose outcome was unknown: it has this number.
      if (at.duplicate && entry.message.providerId !== undefined && at.position <= this.#stored) {
        this.#takeBack(entry);
        this.#shared.metrics.notStored.inc({ reason: 'duplicate' });
      } else {
        if (at.position > this.#stored) this.#stored = at.position;
        this.#shared.metrics.stored.inc();
      }
    }
    this.#settle(entry, undefined);
    this.#pump();
  }

  #onRefused(entry: Entry, error: unknown): void {
    if (this.#stopped === 'aborted') {
      this.#landed();
      this.#settle(entry, closing());
      return;
    }
    if (error instanceof BusError && error.code === 'fenced') {
      this.#landed();
      this.#settle(entry, closing());
      this.#shared.fenced(this.#partition);
      return;
    }
    if (!(error instanceof BusError) || error.code === 'tooLarge') {
      this.#takeBack(entry);
      void this.#bury(entry, error instanceof BusError ? 'oversize' : 'unstorable');
      return;
    }
    if (error.code === 'full') {
      this.#shared.full();
      this.#carefulUntil = this.#shared.clock.monotonic() + CAREFUL_MS;
    }
    this.#shared.metrics.storeRetries.inc({ reason: error.code });
    this.#blocked = true;
    this.#failed.push(entry);
    this.#landed();
    this.#retryLater();
  }

  /** Only with nothing on its way are the failed ones repeated, so that they go in their order. */
  #retryLater(): void {
    if (this.#inFlight > 0 || this.#timer !== undefined) return;
    this.#timer = this.#shared.wheel.after(busDelay(this.#failures++, this.#shared.clock.random()), () => {
      this.#timer = undefined;
      this.#queue.unshift(...this.#failed.splice(0).sort((a, b) => a.order - b.order));
      this.#blocked = false;
      this.#pump();
    });
  }

  async #resumeNumbers(): Promise<void> {
    this.#resuming = true;
    const { bus } = this.#shared;
    const { applicationId, integrationId } = this.#of;
    const resumed = await this.#persist('resuming the running numbers', () => resumeNumbers(bus, applicationId, integrationId));
    this.#resuming = false;
    if (resumed === undefined) return;
    this.#stored = resumed.through;
    this.#next = resumed.highest + 1;
    this.#pump();
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
      now: entry.at,
    });
    await this.#persist('storing a dead letter', () => this.#shared.bus.publishDeadLetter(letter));
    const settle = (): void => this.#settle(entry, this.#stopped === 'aborted' ? closing() : undefined);
    if (this.#stopped === 'aborted') settle();
    else this.#queue.unshift(recordEntry('oversize', { size: entry.body.length, reason }, entry.at, settle));
    this.#landed();
    this.#pump();
  }

  #persist<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return persist(this.#shared, what, () => this.#stopped === 'aborted', work);
  }

  #landed(): void {
    this.#inFlight--;
    this.#alone = false;
    if (this.#blocked) this.#retryLater();
  }

  /** The number was not used: the next message gets it. True only of a message published alone; one refused among others leaves a hole, which is told. */
  #takeBack(entry: Entry): void {
    const number = entry.event?.number;
    if (number === undefined) return;
    if (this.#next === number + 1) this.#next = number;
    else this.#shared.log.error({ integration: this.#of.integrationId, number }, 'a running number was lost');
  }

  #settle(entry: Entry, error: Error | undefined): void {
    if (entry.message !== undefined) this.holding.remove(entry.body.length);
    if (error === undefined) entry.resolve();
    else entry.reject(error);
    this.#wake();
  }

  #drop(): void {
    const now = this.#shared.clock.epoch();
    this.#surplus = { from: this.#surplus?.from ?? now, to: now };
    this.#shared.metrics.notStored.inc({ reason: 'surplus' });
  }

  #endSurplus(): void {
    const surplus = this.#surplus;
    if (surplus === undefined) return;
    this.#surplus = undefined;
    this.gap(surplus.from, surplus.to, 'More messages came than could be held.');
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#failed.length === 0 && this.#inFlight === 0;
  }

  #when(until: () => boolean): Promise<void> {
    if (until()) return Promise.resolve();
    return new Promise((wake) => this.#waiting.push({ until, wake }));
  }

  #wake(): void {
    for (const waiter of this.#waiting.splice(0)) {
      if (waiter.until() || this.#stopped === 'aborted') waiter.wake();
      else this.#waiting.push(waiter);
    }
  }
}

const closing = (): ConnectorError => new ConnectorError('lost', 'The link is being closed.');
