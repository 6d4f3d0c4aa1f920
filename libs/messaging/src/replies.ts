import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { BusError } from './types.ts';
import { publishRaw } from './wire.ts';

interface Outstanding {
  readonly deadline: number;
  readonly resolve: (reply: Msg) => void;
  readonly reject: (error: BusError) => void;
  readonly overdue: 'timeout' | 'unavailable';
}

/** What is published right before a call, without an answer of its own. */
export interface Ahead {
  readonly subject: string;
  readonly block: Uint8Array;
  readonly body: Uint8Array;
}
const NOTHING: readonly Ahead[] = [];

/** How exactly a deadline is kept, ms. */
const TICK_MS = 50;

/**
 * Every acknowledgement and reply of a connection: one inbox subscription, one table of who waits, one coarse timer for all of them. A subscription and a
 * timer for each publish cost five times as much.
 */
export class Replies {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #inbox: Subscription;
  readonly #waiting = new Map<string, Outstanding>();
  readonly #besides = new Set<(error: BusError) => void>();
  #next = 0;
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;
  #connected = true;

  constructor(connection: NatsConnection, inboxPrefix: string) {
    this.#connection = connection;
    this.#prefix = `${createInbox(inboxPrefix)}.`;
    this.#inbox = connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error === null) this.#settle(message);
        else this.#rejectAll(new BusError('unavailable', 'the bus refuses our inbox', { cause: error }));
      },
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** A lost connection rejects everything outstanding: the bus may or may not have acted on it. */
  set connected(connected: boolean) {
    this.#connected = connected;
    if (!connected) this.#rejectAll(new BusError('unavailable', 'the connection to the bus was lost before it answered'));
  }

  /** What the client itself asks over the connection, under the same rules: it would wait for its time to be up. */
  async orLost<T>(ask: () => Promise<T>): Promise<T> {
    if (!this.#connected) throw new BusError('unavailable', 'not connected to the bus');
    let lose: (error: BusError) => void = () => undefined;
    const lost = new Promise<never>((_, reject) => this.#besides.add((lose = reject)));
    try {
      return await Promise.race([ask(), lost]);
    } finally {
      this.#besides.delete(lose);
    }
  }

  /** Publishes with a reply subject of ours; rejects BusError `unavailable` at once while disconnected, and `overdue` when no reply came in time. */
  call(
    subject: string,
    block: Uint8Array | undefined,
    body: Uint8Array,
    timeoutMs: number,
    overdue: 'timeout' | 'unavailable',
    ahead: readonly Ahead[] = NOTHING,
  ): Promise<Msg> {
    return new Promise((resolve, reject) => {
      if (!this.#connected) {
        reject(new BusError('unavailable', 'not connected to the bus'));
        return;
      }
      this.#next = (this.#next + 1) % Number.MAX_SAFE_INTEGER;
      const token = this.#next.toString(36);
      try {
        for (const before of ahead) publishRaw(this.#connection, before.subject, before.block, before.body);
        publishRaw(this.#connection, subject, block, body, this.#prefix + token);
      } catch (error) {
        reject(new BusError('unavailable', 'the bus connection takes no message', { cause: error }));
        return;
      }
      this.#await(token, { deadline: performance.now() + timeoutMs, resolve, reject, overdue });
    });
  }

  /** Asks somebody of this process, under the same rules: a deadline, and nothing while disconnected. */
  direct(ask: () => Promise<Uint8Array>, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (!this.#connected) {
        reject(new BusError('unavailable', 'not connected to the bus'));
        return;
      }
      const token = `=${++this.#asked}`; // no token of the inbox has this character
      this.#await(token, { deadline: performance.now() + timeoutMs, resolve: () => undefined, reject, overdue: 'timeout' });
      const settle = (finish: () => void): void => {
        if (this.#waiting.delete(token)) finish();
      };
      ask().then(
        (answer) => settle(() => resolve(answer)),
        (cause: unknown) => settle(() => reject(new BusError('unavailable', 'the answer failed', { cause }))),
      );
    });
  }

  #await(token: string, outstanding: Outstanding): void {
    this.#waiting.set(token, outstanding);
    this.#timer ??= setInterval(() => this.#expire(), TICK_MS);
  }

  close(): void {
    this.#connected = false;
    this.#inbox.unsubscribe();
    this.#rejectAll(new BusError('unavailable', 'the bus connection was closed'));
  }

  #settle(message: Msg): void {
    const token = message.subject.slice(this.#prefix.length);
    const outstanding = this.#waiting.get(token);
    if (outstanding === undefined) return;
    this.#waiting.delete(token);
    outstanding.resolve(message);
  }

  #expire(): void {
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    for (const [token, { deadline, reject, overdue }] of this.#waiting) {
      if (deadline > now) continue;
      this.#waiting.delete(token);
      reject(new BusError(overdue, 'no answer in time'));
    }
  }

  #rejectAll(error: BusError): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
    for (const lose of this.#besides) lose(error);
  }
}
