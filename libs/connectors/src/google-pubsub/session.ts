import type { Message, Subscription } from '@google-cloud/pubsub';
import { Duration } from '@google-cloud/pubsub';
import { status } from '@grpc/grpc-js';
import { type Connection, type ConnectionContext, ConnectorError, type SendMessage, type SendOutcome } from '#lib/connector-sdk';
import { fault } from '#fault';
import type { Client } from './client.ts';
import { publish } from './publish.ts';
import { callError, hasCode } from './reasons.ts';
import { proveKey, proveSubscription } from './subscriptions.ts';
import { withinMs } from '../within.ts';

/** Of an integration, shared out among its subscriptions (DESIGN §3.1). */
const MAX_MESSAGES = 256;
const MAX_BYTES = 16 * 1024 * 1024;
/** Acknowledgements wait this long for others to go with, ms. */
const ACK_DELAY_MS = 1;
/** Leases are renewed as long as the runtime holds a message: the bus may be away for long. */
const MAX_LEASE = Duration.from({ hours: 24 * 7 });
/** For giving back what is not acknowledged, at the end. */
const GIVE_BACK = Duration.from({ millis: 1_000 });
/** For storing what is at hand, at the end, ms. */
const DRAIN_MS = 3_000;
const PROBE_TIMEOUT_MS = 4_500;

/** A topic and the bare name of our subscription to it. */
export interface Subscribed {
  readonly topic: string;
  readonly name: string;
}

/** The streams of one integration over one connection, from the first pull to the end. */
export class PubSubSession implements Connection {
  readonly connectData: Record<string, unknown>;
  readonly #streams: readonly Subscription[];
  /** Came while the runtime wanted no more; as many as flow control lets through. */
  #waiting: { topic: string; message: Message }[] = [];
  #storing = 0;
  #idle: (() => void) | undefined;
  #closing = false;
  #lost = false;
  #probes = 0;

  constructor(
    private readonly client: Client,
    private readonly subscribed: readonly Subscribed[],
    private readonly context: ConnectionContext,
  ) {
    this.connectData = { topics: subscribed.map(({ topic }) => topic) };
    context.onFlow((held) => {
      if (!held) this.#pump();
    });
    client.onEnd((error) => this.#end(error));
    this.#streams = subscribed.map(({ topic, name }) => this.#pull(topic, name));
  }

  #pull(topic: string, name: string): Subscription {
    const share = Math.max(1, this.subscribed.length);
    const stream = this.client.pubsub.subscription(name, {
      flowControl: {
        maxMessages: Math.max(1, Math.floor(MAX_MESSAGES / share)),
        maxBytes: Math.floor(MAX_BYTES / share),
        // Kept back by the library, one may stay there for good: it lets the next go only when another is done (README.md, "Limits").
        allowExcessMessages: true,
      },
      batching: { maxMilliseconds: ACK_DELAY_MS },
      streamingOptions: { maxStreams: 1 },
      maxExtensionTime: MAX_LEASE,
      closeOptions: { timeout: GIVE_BACK },
    });
    stream.on('message', (message: Message) => {
      if (this.#closing) return;
      this.#waiting.push({ topic, message });
      this.#pump();
    });
    stream.on('error', (error: Error) => this.#end(this.#reasonOf(error, topic)));
    return stream;
  }

  #reasonOf(error: Error, topic: string): ConnectorError {
    if (this.client.error !== undefined) return this.client.error;
    // It was there a moment ago, and is made anew at the next connect.
    if (hasCode(error, status.NOT_FOUND)) return new ConnectorError('lost', `Our subscription to the topic ${topic} was removed.`);
    return callError(error, { projectId: this.client.projectId, doing: `receive from the topic ${topic}`, missing: '' });
  }

  #end(error: ConnectorError): void {
    if (this.#lost || this.#closing) return;
    this.#lost = true;
    this.context.lost(error);
  }

  #pump(): void {
    while (!this.context.held && !this.#closing) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#store(next.topic, next.message);
    }
  }

  #store(topic: string, message: Message): void {
    const { id, data, attributes, publishTime } = message;
    this.#storing++;
    const stored = this.context.receive({
      body: data,
      attributes: { attributes: { ...attributes }, id, timestamp: publishTime.getTime(), topic },
      providerId: `${topic}/${id}`,
      ...(message.deliveryAttempt > 1 ? { redelivered: true } : {}),
    });
    stored.then(
      () => {
        message.ack();
        fault('connector.afterAck');
        this.#settled();
      },
      () => this.#settled(), // it could not be stored: given back when the link is closed
    );
  }

  #settled(): void {
    this.#storing--;
    if (this.#storing === 0) this.#idle?.();
  }

  async send(message: SendMessage): Promise<SendOutcome> {
    return await publish(this.client, message);
  }

  async probe(): Promise<void> {
    const next = this.subscribed[this.#probes++ % this.subscribed.length];
    if (next === undefined) await proveKey(this.client, PROBE_TIMEOUT_MS);
    else await proveSubscription(this.client, next.name, next.topic, PROBE_TIMEOUT_MS);
    this.context.proven('subscription');
  }

  async close({ drain }: { drain: boolean }): Promise<void> {
    this.#closing = true;
    this.#waiting = [];
    if (drain && this.#storing > 0 && this.client.error === undefined)
      await withinMs(DRAIN_MS, new Promise<void>((resolve) => (this.#idle = resolve)));
    const ended = Promise.allSettled(this.#streams.map((stream) => stream.close()));
    // On a link that is gone nothing can be given back: Google delivers again when the lease is over.
    if (this.client.error === undefined) await ended;
    await this.client.close();
  }
}
