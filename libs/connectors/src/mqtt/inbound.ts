import { type ConnectionContext, ConnectorError } from '#lib/connector-sdk';
import { PUBACK, PUBREC } from './frames.ts';
import type { PacketLink } from './link.ts';
import { type IncomingPublish, acknowledgement } from './publish.ts';

/**
 * While the runtime takes no more, this much more is read and kept here, so that what stands behind it in the stream (the acknowledgements of our own
 * sends, ping responses) is still heard. Only beyond it does the socket stop. A broker with a window of its own (MQTT 5's receive maximum, mosquitto's 20
 * by default) never gets there; one without sends all it has at once, and a stopped socket would hold up the answers to our sends for as long as that lasts.
 */
const MAX_PARKED = 16_384;
const MAX_PARKED_BYTES = 4 * 1024 * 1024;

interface Waiting {
  readonly acknowledgement: Buffer;
  /** let go: it will not be stored, and nothing behind it can be acknowledged either. */
  state: 'waits' | 'stored' | 'let go';
}

/** Hands arriving messages to the runtime, many at once, and acknowledges each to the broker, in the order they came, once it is durable. */
export class Inbound {
  readonly #waiting: Waiting[] = [];
  #parked: IncomingPublish[] = [];
  #parkedBytes = 0;
  #closing = false;
  #drained: (() => void) | undefined;

  constructor(
    private readonly link: PacketLink,
    private readonly context: Omit<ConnectionContext, 'state'>,
    /** Which topics are still wanted: a session that was kept may deliver what an older configuration subscribed to. */
    private readonly wanted: (topic: string) => boolean,
  ) {
    context.onFlow((held) => {
      if (!held) this.#unpark();
    });
  }

  publish(message: IncomingPublish): void {
    if (this.#closing) return; // not acknowledged: the broker keeps it
    if (!this.context.held && this.#parked.length === 0) return this.#deliver(message);
    this.#parked.push(message);
    this.#parkedBytes += message.payload.length;
    if (this.#parked.length >= MAX_PARKED || this.#parkedBytes >= MAX_PARKED_BYTES) this.link.pause();
  }

  #unpark(): void {
    while (!this.context.held && !this.#closing && this.link.error === undefined) {
      const message = this.#parked.shift();
      if (message === undefined) break;
      this.#parkedBytes -= message.payload.length;
      this.#deliver(message);
    }
    if (this.#parked.length < MAX_PARKED / 2 && this.#parkedBytes < MAX_PARKED_BYTES / 2) this.link.resume();
  }

  #deliver({ topic, payload, qos, dup, packetId, cut }: IncomingPublish): void {
    const waiting: Waiting | undefined =
      qos === 0 ? undefined : { acknowledgement: acknowledgement(qos === 1 ? PUBACK : PUBREC, packetId), state: 'waits' };
    if (waiting !== undefined) this.#waiting.push(waiting);
    if (!this.wanted(topic)) return this.#stored(waiting);
    this.context
      .receive({ body: payload, attributes: { topic }, redelivered: dup, droppable: qos === 0, ...(cut === undefined ? {} : { cut }) })
      .then(
        () => this.#stored(waiting),
        (cause: unknown) => this.#refused(waiting, cause),
      );
  }

  #refused(waiting: Waiting | undefined, cause: unknown): void {
    // While the link is closed in order, those stored before are still acknowledged.
    if (!this.#closing) return this.link.fail(new ConnectorError('lost', 'A message could not be stored.', { cause }));
    if (waiting !== undefined) waiting.state = 'let go';
    if (this.#isDrained) this.#drained?.();
  }

  get #isDrained(): boolean {
    return this.#waiting[0] === undefined || this.#waiting[0].state === 'let go';
  }

  #stored(waiting: Waiting | undefined): void {
    if (waiting === undefined) return;
    waiting.state = 'stored';
    while (this.#waiting[0]?.state === 'stored') this.link.acknowledge((this.#waiting.shift() as Waiting).acknowledgement);
    if (this.#isDrained) this.#drained?.();
  }

  /** Takes no more messages, and resolves once those handed over are acknowledged, or the link ended. */
  async drain(): Promise<void> {
    this.#closing = true;
    if (this.#isDrained || this.link.error !== undefined) return;
    await new Promise<void>((resolve) => (this.#drained = resolve));
  }

  ended(): void {
    this.#closing = true;
    this.#parked = [];
    this.#parkedBytes = 0;
    this.#drained?.();
  }
}
