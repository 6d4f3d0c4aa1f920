import { AckPolicy, DeliverPolicy, type JetStreamManager, ReplayPolicy } from '@nats-io/jetstream';
import { createInbox, type Msg, nanos, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { parseHeaders, statusOf } from './codec/headers.ts';
import { guarded, headerBlock, publishRaw } from './wire.ts';

/** A stored message as a consumer hands it over. */
export interface Delivery {
  readonly sequence: number;
  readonly subject: string;
  readonly block: Buffer;
  readonly body: Uint8Array;
  /** How many messages of the filters were left behind it when it was sent. */
  readonly pending: number;
}

export interface OrderedConsumerOptions {
  readonly connection: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly inboxPrefix: string;
  readonly stream: string;
  readonly filters: readonly string[];
  /** Deliver sequences beyond this. */
  readonly after: number;
  /** Must not throw; what it throws is raised outside, and the reading goes on. */
  readonly onDelivery: (delivery: Delivery) => void;
}

const BATCH = 1_024;
const REFILL_AT = BATCH / 2;
/** Of one pull. The largest message and its headers fit. */
const PULL_BYTES = 16 * 1024 * 1024;
const PULL_MS = 30_000;
const HEARTBEAT_MS = 1_500;
const SILENCE_MS = 4_000;
const UNUSED_MS = 60_000;
const LONGEST_WAIT_MS = 5_000;

/**
 * Reads a stream in order without acknowledgements, by pulls. The consumer on the server is disposable: after a missed heartbeat, a gap in its numbering, a
 * reconnect or its loss, a new one starts behind the last sequence that was handed over, so the caller sees each message once and in order.
 * Written by hand because the client's own ordered consumer notices a restarted server only after a minute and parses every header.
 */
export class OrderedConsumer {
  readonly #options: OrderedConsumerOptions;
  #cursor: number;
  #stopped = false;
  #paused = false;
  /** Which consumer on the server is ours; everything of an older one is void. */
  #generation = 0;
  #name: string | undefined;
  #inbox = '';
  #subscription: Subscription | undefined;
  /** Messages pulled and not yet received. */
  #outstanding = 0;
  #delivered = 0;
  #heardAt = 0;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: OrderedConsumerOptions) {
    this.#options = { ...options, onDelivery: guarded(options.onDelivery) };
    this.#cursor = options.after;
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** Starts; resolves with how many messages wait. Rejects when the consumer cannot be made. */
  async start(): Promise<{ pending: number }> {
    const pending = await this.#create();
    this.#watch = setInterval(() => this.#checkSilence(), 1_000);
    return { pending };
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#refill();
  }

  /** The connection is back: whatever consumer there was is in doubt. */
  reconnected(): void {
    if (!this.#stopped && this.#watch !== undefined) this.#recreate();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#watch);
    clearTimeout(this.#retry);
    this.#abandon();
  }

  async #create(): Promise<number> {
    const { connection, jsm, stream, filters, inboxPrefix } = this.#options;
    this.#abandon();
    const generation = this.#generation;
    const inbox = createInbox(inboxPrefix);
    const name = `o${inbox.slice(inbox.lastIndexOf('.') + 1)}`;
    this.#name = name;
    this.#inbox = inbox;
    this.#subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        if (generation !== this.#generation) return;
        if (error === null) this.#receive(message);
        else this.#recreateLater();
      },
    });
    const making = jsm.consumers.add(stream, {
      name,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#cursor + 1,
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanos(UNUSED_MS),
      filter_subjects: [...filters],
    });
    const info = await making.catch((error: unknown) => {
      if (generation === this.#generation) throw error;
      return undefined; // a newer one is being made
    });
    if (info === undefined) return 0;
    if (generation !== this.#generation) {
      this.#remove(name);
      return info.num_pending;
    }
    this.#failures = 0;
    this.#refill();
    return info.num_pending;
  }

  /** Forgets the present consumer; nothing it still sends is looked at. */
  #abandon(): void {
    this.#generation += 1;
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    if (this.#name !== undefined) this.#remove(this.#name);
    this.#name = undefined;
    this.#outstanding = 0;
    this.#delivered = 0;
  }

  #remove(name: string): void {
    if (this.#options.connection.isClosed()) return;
    // No reply is awaited: a consumer that stays behind removes itself when it is unused.
    publishRaw(this.#options.connection, `$JS.API.CONSUMER.DELETE.${this.#options.stream}.${name}`, undefined, EMPTY);
  }

  #refill(): void {
    if (this.#paused || this.#stopped || this.#name === undefined || this.#outstanding > REFILL_AT) return;
    const batch = BATCH - this.#outstanding;
    this.#outstanding += batch;
    this.#heardAt = performance.now();
    const request = { batch, max_bytes: PULL_BYTES, expires: nanos(PULL_MS), idle_heartbeat: nanos(HEARTBEAT_MS) };
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#options.stream}.${this.#name}`;
    publishRaw(this.#options.connection, subject, undefined, Buffer.from(JSON.stringify(request)), this.#inbox);
  }

  #receive(message: Msg): void {
    this.#heardAt = performance.now();
    if (message.subject === this.#inbox) {
      this.#receiveStatus(message);
      return;
    }
    const place = parsePlace(message.reply ?? '');
    if (place.delivered !== this.#delivered + 1) {
      this.#recreate();
      return;
    }
    this.#delivered = place.delivered;
    this.#outstanding = Math.max(0, this.#outstanding - 1);
    if (place.sequence > this.#cursor) {
      this.#cursor = place.sequence;
      this.#options.onDelivery({ ...place, subject: message.subject, block: headerBlock(message), body: message.data });
    }
    this.#refill();
  }

  #receiveStatus(message: Msg): void {
    const block = headerBlock(message);
    const { code, description } = statusOf(block);
    if (code === 100) return;
    const left = parseHeaders(block)['Nats-Pending-Messages'];
    if (left !== undefined && (code === 408 || (code === 409 && PULL_ENDED.some((reason) => description.startsWith(reason))))) {
      this.#outstanding = Math.max(0, this.#outstanding - Number(left));
      this.#refill();
      return;
    }
    this.#recreateLater();
  }

  #checkSilence(): void {
    if (this.#outstanding > 0 && performance.now() - this.#heardAt > SILENCE_MS) this.#recreate();
  }

  #recreate(): void {
    if (this.#stopped) return;
    clearTimeout(this.#retry);
    this.#create().catch(() => this.#recreateLater());
  }

  /** With a growing, jittered wait: the stream may have no leader, or the server may be away. */
  #recreateLater(): void {
    if (this.#stopped) return;
    this.#abandon();
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#recreate(), Math.random() * Math.min(LONGEST_WAIT_MS, 100 * 2 ** Math.min(this.#failures, 6)));
  }
}

const EMPTY = new Uint8Array(0);

/** A 409 that ends one pull in good order, beside 408 for its time; any other one means that the consumer is gone or in doubt. */
const PULL_ENDED = ['Batch Completed', 'Message Size'];

/** `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time ns>.<pending>[.<random>]` */
function parsePlace(reply: string): { sequence: number; delivered: number; pending: number } {
  const dots: number[] = [];
  for (let dot = reply.indexOf('.'); dot >= 0; dot = reply.indexOf('.', dot + 1)) dots.push(dot);
  const at = dots.length === 8 ? 5 : 7;
  const token = (index: number): number => Number(reply.slice((dots[index - 1] ?? -1) + 1, dots[index]));
  return { sequence: token(at), delivered: token(at + 1), pending: token(at + 3) };
}
