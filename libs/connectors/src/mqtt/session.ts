import { randomInt } from 'node:crypto';
import { type Connection, type ConnectionContext, ConnectorError, type SendMessage, type SendOutcome } from '#lib/connector-sdk';
import * as control from './control.ts';
import * as frames from './frames.ts';
import { Inbound } from './inbound.ts';
import type { PacketLink } from './link.ts';
import { Outbound } from './outbound.ts';
import { acknowledgement, readAcknowledgement, readPublish } from './publish.ts';
import { connectRefused, disconnected, refusal } from './reasons.ts';
import { wantedTopics } from './topic-filter.ts';
import { withinMs } from '../within.ts';

/** Some brokers take no more filters in one SUBSCRIBE (AWS IoT: 8). */
const FILTERS_PER_SUBSCRIBE = 8;
/** How long acknowledgements are waited for when the link is closed in order, ms. */
const DRAIN_MS = 5_000;
/** How long the broker may take to close its side, ms. */
const GOODBYE_MS = 1_000;

interface Waiter {
  resolve(): void;
  reject(error: ConnectorError): void;
}

/** One MQTT session over one link, from CONNECT to its end. */
export class MqttSession implements Connection {
  readonly connectData: Record<string, unknown>;
  #inbound: Inbound | undefined;
  #outbound: Outbound | undefined;
  #connack: Waiter | undefined;
  readonly #subacks = new Map<number, Waiter & { filters: readonly string[]; refused?: (why: string) => void }>();
  #pings: Waiter[] = [];
  // Random, so that a QoS 2 exchange that a link before left half done is not taken for one of ours.
  #lastPacketId = randomInt(65_535);
  /** connecting: its end rejects `open`. open: its end is reported as lost. closing: we end it. */
  #phase: 'connecting' | 'open' | 'closing' = 'connecting';

  constructor(
    private readonly link: PacketLink,
    private readonly options: control.ConnectOptions,
    private readonly topics: readonly string[],
    private readonly context: Omit<ConnectionContext, 'state'>,
  ) {
    this.connectData = { topics };
    link.listen({ frame: (frame) => this.#frame(frame), ended: (error) => this.#ended(error) });
  }

  /** CONNECT and SUBSCRIBE, each answered in full. Rejects ConnectorError, and the link is gone then. */
  async open(): Promise<void> {
    const onAbort = (): void => this.link.fail(new ConnectorError('lost', 'The attempt to connect was given up.'));
    this.context.signal.addEventListener('abort', onAbort, { once: true });
    if (this.context.signal.aborted) onAbort();
    try {
      await this.#answered((waiter) => (this.#connack = waiter), control.connectFrame(this.options));
      await this.#subscribe();
      if (this.link.error !== undefined) throw this.link.error;
      this.#phase = 'open';
    } finally {
      this.context.signal.removeEventListener('abort', onAbort);
    }
    this.context.proven(this.topics.length > 0 ? 'suback' : 'connack');
  }

  /** Writes a packet and resolves when its answer did; rejects with what ended the link. */
  async #answered(register: (waiter: Waiter) => void, packet: Buffer): Promise<void> {
    if (this.link.error !== undefined) throw this.link.error;
    await new Promise<void>((resolve, reject) => {
      register({ resolve, reject });
      this.link.write(packet);
    });
  }

  async #subscribe(): Promise<void> {
    const answers: Promise<void>[] = [];
    for (let at = 0; at < this.topics.length; at += FILTERS_PER_SUBSCRIBE) {
      const filters = this.topics.slice(at, at + FILTERS_PER_SUBSCRIBE);
      const packetId = this.#nextPacketId((id) => this.#subacks.has(id));
      const packet = control.subscribeFrame(this.options.version, packetId, filters);
      answers.push(this.#answered((waiter) => this.#subacks.set(packetId, { ...waiter, filters }), packet));
    }
    await Promise.all(answers);
  }

  /** Subscribes to one filter more; resolves with why the broker refuses it, undefined: it doesn't. Rejects with what ended the link. */
  async trySubscription(filter: string): Promise<string | undefined> {
    let why: string | undefined;
    const packetId = this.#nextPacketId((id) => this.#subacks.has(id));
    await this.#answered(
      (waiter) => this.#subacks.set(packetId, { ...waiter, filters: [filter], refused: (refused) => (why = refused) }),
      control.subscribeFrame(this.options.version, packetId, [filter]),
    );
    return why;
  }

  #nextPacketId(inUse: (id: number) => boolean): number {
    do this.#lastPacketId = (this.#lastPacketId % 65_535) + 1;
    while (inUse(this.#lastPacketId));
    return this.#lastPacketId;
  }

  #frame(frame: frames.Frame): void {
    if (frame.type === frames.CONNACK) return this.#accepted(control.readConnack(frame, this.options.version));
    if (this.#inbound === undefined || this.#outbound === undefined) throw new frames.MalformedPacket('a packet came before CONNACK');
    switch (frame.type) {
      case frames.PUBLISH:
        return this.#inbound.publish(readPublish(frame, this.options.version));
      case frames.PUBACK:
      case frames.PUBREC:
      case frames.PUBCOMP:
        return this.#outbound.acknowledge(frame.type, readAcknowledgement(frame));
      case frames.PUBREL:
        // The second half of a QoS 2 message, which only a subscription of an older session can bring: it is stored since our PUBREC.
        return this.link.write(acknowledgement(frames.PUBCOMP, readAcknowledgement(frame).packetId));
      case frames.SUBACK:
        return this.#subscribed(control.readSuback(frame, this.options.version));
      case frames.PINGRESP:
        this.context.proven('pingresp');
        for (const ping of this.#pings.splice(0)) ping.resolve();
        return;
      case frames.DISCONNECT:
        return this.link.fail(disconnected(control.readDisconnect(frame)));
      default:
        throw new frames.MalformedPacket(`a packet of type ${frame.type} came`);
    }
  }

  #accepted({ code, sessionPresent, properties }: control.Connack): void {
    const { version, keepAliveS } = this.options;
    if (this.#inbound !== undefined) throw new frames.MalformedPacket('a second CONNACK came');
    if (code !== 0) return this.link.fail(connectRefused(code, version));
    // Made here, not when `open` resumes: messages of a kept session follow at once.
    this.#inbound = new Inbound(this.link, this.context, sessionPresent ? wantedTopics(this.topics) : () => true);
    this.#outbound = new Outbound(
      this.link,
      version,
      {
        receiveMaximum: properties.receiveMaximum ?? 65_535,
        maximumQoS: properties.maximumQoS ?? 2,
        maximumPacketSize: properties.maximumPacketSize ?? control.MAX_PACKET_BYTES,
        retainAvailable: properties.retainAvailable ?? true,
      },
      (inUse) => this.#nextPacketId(inUse),
      () => this.context.proven('puback'),
    );
    this.link.keepAlive(properties.serverKeepAlive ?? keepAliveS);
    this.#connack?.resolve();
    this.#connack = undefined;
  }

  #subscribed({ packetId, codes }: { packetId: number; codes: readonly number[] }): void {
    const waiter = this.#subacks.get(packetId);
    if (waiter === undefined) return;
    const refused = waiter.filters.flatMap((filter, index) => {
      const code = codes[index] ?? 0x80;
      if (code >= 0x80) waiter.refused?.(refusal(code));
      return code < 0x80 ? [] : [`${filter}: ${refusal(code)}`];
    });
    if (refused.length > 0 && waiter.refused === undefined)
      return this.link.fail(new ConnectorError('misconfigured', `The broker refuses to subscribe to ${refused.slice(0, 3).join('; ')}.`));
    if (codes.includes(0)) this.context.log.warn('The broker grants QoS 0 only to some topics: what it sends there is not redelivered.');
    this.#subacks.delete(packetId);
    waiter.resolve();
  }

  async send(message: SendMessage): Promise<SendOutcome> {
    if (this.#outbound === undefined || this.#phase === 'closing') throw new ConnectorError('lost', 'The connection is closed.');
    return await this.#outbound.send(message);
  }

  async probe(): Promise<void> {
    await this.#answered((waiter) => this.#pings.push(waiter), frames.PINGREQ_FRAME);
  }

  async close({ drain }: { drain: boolean }): Promise<void> {
    if (this.#phase === 'closing' || this.link.error !== undefined) return;
    this.#phase = 'closing';
    if (drain) {
      const settled = Promise.all([this.#inbound?.drain(), this.#outbound?.drain()]);
      this.link.resume(); // acknowledgements may stand behind messages that nobody takes any more
      await withinMs(DRAIN_MS, settled);
    }
    await this.link.end(control.DISCONNECT_FRAME, GOODBYE_MS);
  }

  #ended(error: ConnectorError): void {
    this.#connack?.reject(unanswered(error, this.options.version));
    this.#connack = undefined;
    for (const waiter of [...this.#subacks.values(), ...this.#pings.splice(0)]) waiter.reject(error);
    this.#subacks.clear();
    this.#inbound?.ended();
    this.#outbound?.ended(error);
    if (this.#phase === 'open') this.context.lost(error);
  }
}

/** A link that ended before CONNACK: some brokers refuse by closing. */
function unanswered(error: ConnectorError, version: 4 | 5): ConnectorError {
  if (error.code !== 'lost' || !error.message.startsWith('Connection Lost')) return error;
  const hint = version === 5 ? ' If it speaks 3.1.1 only, change protocolVersion.' : '';
  return new ConnectorError('lost', `The broker closed the connection without answering CONNECT.${hint}`, { cause: error });
}
