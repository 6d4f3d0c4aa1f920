import type { Message } from '@aws-sdk/client-sqs';
import { type Connection, type ConnectionContext, ConnectorError, type SendMessage, type SendOutcome } from '#lib/connector-sdk';
import { Inbound } from './inbound.ts';
import { sendTo } from './outbound.ts';
import { BATCH, type Queue } from './queue.ts';
import { reasonOf } from './reasons.ts';
import type { Target } from './target.ts';
import { withinMs } from '../within.ts';

export interface Pace {
  /** How long a poll waits for messages, s. The runtime gives a connection 6 s to close: a poll must end within that. */
  readonly waitS: number;
  /** How long a message that we took is hidden from others, s; extended while it waits. */
  readonly visibilityS: number;
}

/** While there is more than one poll brings, this many more ask at the same time. */
const MORE_POLLS = 4;
/** When a poll comes back empty at once, as none should, the next one waits this long after it was asked. */
const EMPTY_POLL_MS = 1_000;
/** For the last poll, outcomes and deletions, when the connection is closed in order; the runtime gives 6 s in all. */
const DRAIN_MS = 5_500;

/** One queue, polled for messages and sent to. */
export class SqsConnection implements Connection {
  readonly connectData: Record<string, unknown>;
  readonly #queue: Queue;
  readonly #context: ConnectionContext;
  readonly #pace: Pace;
  readonly #inbound: Inbound;
  readonly #sends = new Set<Promise<unknown>>();
  #phase: 'open' | 'closing' | 'ended' = 'open';
  readonly #polls = new Set<Promise<void>>();
  readonly #fifo: boolean;
  /** Of the last polls, which came back when nobody took messages any more. */
  readonly #untaken: Message[] = [];
  #wake: (() => void) | undefined;
  #finished: Promise<void> | undefined;

  constructor(queue: Queue, target: Pick<Target, 'queueUrl' | 'fifo'>, context: ConnectionContext, pace: Pace) {
    this.connectData = { queueUrl: target.queueUrl };
    this.#queue = queue;
    this.#context = context;
    this.#pace = pace;
    this.#fifo = target.fifo;
    this.#inbound = new Inbound(queue, context, { target, visibilityS: pace.visibilityS, failed: (error) => this.#fail(error) });
    context.onFlow(() => this.#wake?.());
  }

  /** Asks for the first messages, without waiting for any: the proof that it may receive. Rejects ConnectorError. */
  async open(): Promise<void> {
    const { signal } = this.#context;
    let first: readonly Message[];
    try {
      await this.#queue.ask(signal).catch((error: unknown) => Promise.reject(reasonOf(error, 'sqs:DeleteMessage')));
      first = await this.#queue.receive(0, this.#pace.visibilityS, signal);
    } catch (error) {
      this.#phase = 'ended';
      this.#queue.close();
      throw signal.aborted ? new ConnectorError('lost', 'The attempt to connect was given up.') : reasonOf(error, 'sqs:ReceiveMessage');
    }
    this.#context.proven('poll');
    this.#inbound.take(first);
    this.#run(this.#poll());
  }

  #run(poll: Promise<void>): void {
    const running = poll.finally(() => this.#polls.delete(running));
    this.#polls.add(running);
  }

  async #poll(): Promise<void> {
    while (this.#phase === 'open') {
      if (this.#context.held) {
        await this.#woken();
        continue;
      }
      const askedAt = performance.now();
      const count = await this.#receive(this.#pace.waitS);
      if (count === BATCH) this.#pollBeside();
      const early = askedAt + Math.min(EMPTY_POLL_MS, this.#pace.waitS * 500) - performance.now();
      if (count === 0 && early > 0 && this.#phase === 'open') await this.#woken(early);
    }
  }

  /** A full answer: there may be more. In a FIFO queue SQS gives out a group once at a time, and one poll after the other keeps the order plain. */
  #pollBeside(): void {
    while (!this.#fifo && this.#polls.size <= MORE_POLLS) this.#run(this.#pollWhileFull());
  }

  async #pollWhileFull(): Promise<void> {
    for (let count = BATCH; count === BATCH && this.#phase === 'open' && !this.#context.held;) count = await this.#receive(0);
  }

  /** Hands over what one poll brings, and says how many that were. */
  async #receive(waitS: number): Promise<number> {
    try {
      const messages = await this.#queue.receive(waitS, this.#pace.visibilityS);
      if (this.#phase !== 'open') {
        this.#untaken.push(...messages);
        return 0;
      }
      this.#context.proven('poll');
      this.#inbound.take(messages);
      return messages.length;
    } catch (error) {
      this.#fail(reasonOf(error, 'sqs:ReceiveMessage'));
      return 0;
    }
  }

  /** Until the runtime's wishes change, the connection closes, or `ms` are over. */
  async #woken(ms?: number): Promise<void> {
    const timer = ms === undefined ? undefined : setTimeout(() => this.#wake?.(), ms);
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
    clearTimeout(timer);
  }

  async send(message: SendMessage): Promise<SendOutcome> {
    if (this.#phase !== 'open') throw new ConnectorError('lost', 'The connection is closed.');
    const sending = sendTo(this.#queue, message);
    this.#sends.add(sending);
    try {
      return await sending;
    } finally {
      this.#sends.delete(sending);
    }
  }

  async probe(): Promise<void> {
    try {
      await this.#queue.ask();
    } catch (error) {
      throw reasonOf(error, 'sqs:DeleteMessage');
    }
  }

  #fail(error: ConnectorError): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ended';
    this.#inbound.end();
    this.#wake?.();
    this.#context.lost(error);
  }

  /** A poll at SQS can't be called off: whatever it brings would be hidden for a while. It is let finish, and what it brings is given back. */
  async close({ drain }: { drain: boolean }): Promise<void> {
    const inOrder = drain && this.#phase === 'open';
    if (this.#finished === undefined) {
      this.#phase = inOrder ? 'closing' : 'ended';
      this.#finished = this.#finish(inOrder);
      this.#wake?.();
    }
    if (inOrder) await this.#finished; // else the last poll ends by itself
  }

  async #finish(drain: boolean): Promise<void> {
    if (drain) await withinMs(DRAIN_MS, Promise.all([...this.#polls, this.#inbound.settled(), Promise.allSettled(this.#sends)]));
    else this.#inbound.end();
    await Promise.all(this.#polls);
    await this.#inbound.giveBack(this.#untaken);
    this.#phase = 'ended';
    this.#inbound.end();
    this.#queue.close();
  }
}
