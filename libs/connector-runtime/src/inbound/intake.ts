import { fault } from '#fault';
import { ConnectorError, type ReceivedMessage } from '#lib/connector-sdk';
import type { PlanLimits } from '#lib/contracts';
import { type Entry, type RecordKind, type Source, messageEntry, recordEntry } from './entry.ts';
import { Holding } from './holding.ts';
import type { Identity } from '../identity.ts';
import { Lane, type LaneOwner, closing } from './lane.ts';
import type { HeldPartition, Shared } from '../shared.ts';
import { TokenBucket } from './throttle.ts';
import type { Timer } from '../time/wheel.ts';

/** Connects, disconnects and gaps that wait while the bus is away. */
const MAX_RECORDS = 64;

export type Rate = Pick<PlanLimits, 'messagesPerSecond' | 'burst'>;

/**
 * What comes from one integration's source, on its way to the bus: in order, at the pace of the throttle, bounded; the source is held back meanwhile. Events
 * beside the messages (connect, gap, …) go the same way, unthrottled.
 */
export class Intake implements LaneOwner {
  readonly holding: Holding;
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #lane: Lane;
  readonly #bucket: TokenBucket;
  #queue: Entry[] = [];
  #timer: Timer | undefined;
  #state: 'open' | 'draining' | 'aborted' = 'open';
  #paused = false;
  #surplus: { from: number; to: number } | undefined;
  #waiting: { readonly until: () => boolean; readonly wake: () => void }[] = [];

  constructor(
    shared: Shared,
    of: Identity,
    partition: HeldPartition,
    rate: Rate,
    options: { readonly onHeld: (held: boolean) => void; readonly incarnation: () => string },
  ) {
    this.#shared = shared;
    this.#of = of;
    this.#lane = new Lane(shared, of, partition, options.incarnation, this);
    this.#bucket = new TokenBucket(rate.messagesPerSecond, rate.burst, shared.clock.monotonic());
    this.holding = new Holding((held) => {
      if (!held) this.#endSurplus();
      options.onHeld(held);
    });
  }

  setLimits({ messagesPerSecond, burst }: Rate): void {
    this.#bucket.configure(messagesPerSecond, burst, this.#shared.clock.monotonic());
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pump();
  }

  /** Resolves once it is durable, or dropped and recorded; rejects when it never will be: don't acknowledge. */
  receive(message: ReceivedMessage, from: Source): Promise<void> {
    fault('connector.afterReceive');
    this.#shared.metrics.received.inc();
    if (this.#state !== 'open') return Promise.reject(closing());
    if (message.droppable === true && this.holding.held) {
      this.#drop();
      return Promise.resolve();
    }
    if (this.holding.overrun) return Promise.reject(new ConnectorError('lost', 'More messages came than were asked for.'));
    this.#endSurplus();
    return new Promise((resolve, reject) => {
      this.holding.add(message.body.length);
      this.#queue.push(messageEntry(message, from, this.#shared.clock.epoch(), resolve, reject));
      this.#pump();
    });
  }

  /** An event beside the messages, in order with them. `at`: epoch ms, when it happened. */
  record(kind: RecordKind, attributes: Record<string, unknown>, at: number): void {
    if (this.#state === 'aborted') return;
    if (this.#queue.length >= MAX_RECORDS && this.#queue.filter((entry) => entry.message === undefined).length >= MAX_RECORDS) {
      this.#shared.log.warn({ integration: this.#of.integrationId, kind }, 'too many events wait for the bus: one was not recorded');
      return;
    }
    this.#queue.push(recordEntry(kind, attributes, at));
    this.#pump();
  }

  gap(from: number, to: number, cause: string): void {
    this.record('gap', { from: new Date(from).toISOString(), to: new Date(to).toISOString(), cause }, to);
  }

  /** A link is gone, or with none named every one: what of it waits here and the provider will deliver again is let go. */
  letGo(from?: Source): void {
    const goes = (entry: Entry): boolean => entry.redeliverable && (from === undefined || entry.from === from);
    const waiting = this.#queue;
    this.#queue = waiting.filter((entry) => !goes(entry));
    for (const entry of waiting) if (goes(entry)) this.settled(entry, closing());
  }

  /** Starts no new publish until `resume`, and resolves when those on their way have their outcome. */
  quiet(): Promise<void> {
    this.#paused = true;
    return this.#when(() => this.#lane.idle);
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  /** Takes no more, stores what can't be had again (the throttle aside), and resolves when nothing is left. */
  drain(): Promise<void> {
    this.#endSurplus();
    if (this.#state === 'open') this.#state = 'draining';
    this.letGo();
    this.resume();
    return this.#when(() => this.#queue.length === 0 && this.#lane.idle);
  }

  /** The partition is another's: nothing is stored or acknowledged any more. */
  abort(): void {
    this.#state = 'aborted';
    this.#timer?.cancel();
    this.#lane.close();
    for (const entry of this.#queue.splice(0)) this.settled(entry, closing());
    this.#wake();
  }

  settled(entry: Entry, error: Error | undefined): void {
    if (entry.message !== undefined) this.holding.remove(entry.body.length);
    if (error === undefined) entry.resolve();
    else entry.reject(error);
  }

  freed(): void {
    this.#pump();
    this.#wake();
  }

  #pump(): void {
    for (;;) {
      const [entry] = this.#queue;
      if (entry === undefined || this.#paused || !this.#lane.takes(entry) || !this.#isItsTurn(entry)) return;
      this.#queue.shift();
      this.#lane.publish(entry);
    }
  }

  #isItsTurn(entry: Entry): boolean {
    if (entry.message === undefined || this.#state !== 'open') return true;
    if (this.#timer !== undefined) return false;
    const wait = this.#bucket.take(this.#shared.clock.monotonic());
    if (wait === 0) return true;
    this.#timer = this.#shared.wheel.after(wait, () => {
      this.#timer = undefined;
      this.#pump();
    });
    return false;
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

  #when(until: () => boolean): Promise<void> {
    if (until() || this.#state === 'aborted') return Promise.resolve();
    return new Promise((wake) => this.#waiting.push({ until, wake }));
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ until }) => !until() && this.#state !== 'aborted');
    for (const waiter of waiting) if (!this.#waiting.includes(waiter)) waiter.wake();
  }
}
