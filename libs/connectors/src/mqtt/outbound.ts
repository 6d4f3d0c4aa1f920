import { ConnectorError, type SendMessage, type SendOutcome } from '#lib/connector-sdk';
import { issuesOf } from '#lib/contracts';
import { MqttSend } from './config.ts';
import { PUBACK, PUBCOMP, PUBREC, PUBREL } from './frames.ts';
import type { PacketLink } from './link.ts';
import { type Acknowledgement, type ProtocolVersion, acknowledgement, publishFrame } from './publish.ts';
import { refusal } from './reasons.ts';

/** Messages above QoS 0 on their way to a broker that names no smaller figure. */
const MAX_IN_FLIGHT = 256;
/** Messages that may wait for their turn; more are refused as `throttled` … */
const MAX_QUEUED = 1_000;
/** … and so is what would bring the payloads on their way beyond this. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Where a send names no QoS: its verdict is the broker's own. */
const DEFAULT_QOS = 1;

/** What the broker's CONNACK allows us to send. */
export interface BrokerLimits {
  readonly receiveMaximum: number;
  readonly maximumQoS: number;
  readonly maximumPacketSize: number;
  readonly retainAvailable: boolean;
}

interface Publication {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
}

interface InFlight {
  resolve(outcome: SendOutcome): void;
  reject(error: ConnectorError): void;
}

const SUCCEEDED: SendOutcome = { verdict: 'succeeded' };

const unknown = (error: ConnectorError): SendOutcome => ({
  verdict: 'unknown',
  error: { type: 'lost', message: `The link ended before the broker acknowledged the message: ${error.message}` },
});

/** Sends messages, as many at once as the broker allows; never sends one twice. */
export class Outbound {
  /** By packet id; QoS 0 has none and is kept until the operating system has it. */
  readonly #inFlight = new Map<number, InFlight>();
  readonly #unwritten = new Set<InFlight>();
  readonly #queue: { publication: Publication; waiter: InFlight }[] = [];
  readonly #window: number;
  /** Of payloads whose outcome is open. */
  #bytes = 0;
  #drained: (() => void) | undefined;

  constructor(
    private readonly link: PacketLink,
    private readonly version: ProtocolVersion,
    private readonly limits: BrokerLimits,
    private readonly nextPacketId: (inUse: (id: number) => boolean) => number,
    /** An acknowledgement came: the link is alive. */
    private readonly acknowledged: () => void,
  ) {
    this.#window = Math.min(MAX_IN_FLIGHT, limits.receiveMaximum);
  }

  async send({ options, payload }: SendMessage): Promise<SendOutcome> {
    const publication = this.#check(options, payload);
    if (this.link.error !== undefined) throw new ConnectorError('lost', this.link.error.message, { cause: this.link.error });
    const full = this.#queue.length + this.#unwritten.size >= MAX_QUEUED;
    if (full || (this.#bytes > 0 && this.#bytes + payload.byteLength > MAX_BYTES))
      throw new ConnectorError('throttled', 'The broker is slow: too many messages wait for it already.');
    this.#bytes += payload.byteLength;
    try {
      return await new Promise<SendOutcome>((resolve, reject) => {
        const waiter = { resolve, reject };
        if (publication.qos > 0 && this.#inFlight.size >= this.#window) this.#queue.push({ publication, waiter });
        else this.#write(publication, waiter);
      });
    } finally {
      this.#bytes -= payload.byteLength;
    }
  }

  #check(options: Record<string, unknown>, payload: Uint8Array): Publication {
    const parsed = MqttSend.safeParse(options);
    if (!parsed.success) {
      const [issue] = issuesOf(parsed.error, []);
      throw new ConnectorError('refused', `${issue?.path.join('.') ?? 'options'} ${issue?.message ?? 'is invalid'}`);
    }
    const { topic, qos, retain = false } = parsed.data;
    const { maximumQoS, retainAvailable, maximumPacketSize } = this.limits;
    if (qos !== undefined && qos > maximumQoS) throw new ConnectorError('refused', `The broker takes no QoS above ${maximumQoS}.`);
    if (retain && !retainAvailable) throw new ConnectorError('refused', 'The broker keeps no retained messages.');
    // A fixed header, a topic's length, a packet id and an empty list of properties: at most 10 bytes.
    if (Buffer.byteLength(topic) + payload.byteLength + 10 > maximumPacketSize)
      throw new ConnectorError('refused', `The message is larger than the broker takes (${maximumPacketSize} bytes).`);
    return { topic, payload, qos: qos ?? Math.min(DEFAULT_QOS, maximumQoS), retain };
  }

  #write(publication: Publication, waiter: InFlight): void {
    if (publication.qos === 0) {
      this.#unwritten.add(waiter);
      this.link.write(publishFrame({ ...publication, packetId: 0 }, this.version), () => {
        this.#unwritten.delete(waiter);
        waiter.resolve(SUCCEEDED);
        this.#settled();
      });
      return;
    }
    const packetId = this.nextPacketId((id) => this.#inFlight.has(id));
    this.#inFlight.set(packetId, waiter);
    this.link.write(publishFrame({ ...publication, packetId }, this.version));
  }

  /** PUBACK, PUBREC, PUBCOMP: what is not ours, or of a session before, is answered as the protocol wants and otherwise ignored. */
  acknowledge(type: number, { packetId, reason }: Acknowledgement): void {
    this.acknowledged();
    if (type === PUBREC && reason < 0x80) {
      this.link.write(acknowledgement(PUBREL, packetId));
      return;
    }
    const waiter = this.#inFlight.get(packetId);
    if (waiter === undefined || (type !== PUBACK && type !== PUBREC && type !== PUBCOMP)) return;
    this.#inFlight.delete(packetId);
    if (reason < 0x80) waiter.resolve(SUCCEEDED);
    else waiter.resolve({ verdict: 'failed', error: { type: 'refused', message: `The broker refused the message: ${refusal(reason)}.` } });
    this.#settled();
  }

  #settled(): void {
    while (this.#queue.length > 0 && this.#inFlight.size < this.#window) {
      const { publication, waiter } = this.#queue.shift() as { publication: Publication; waiter: InFlight };
      this.#write(publication, waiter);
    }
    if (this.#inFlight.size + this.#unwritten.size === 0) this.#drained?.();
  }

  /** Resolves once every send has its outcome, or the link ended. */
  async drain(): Promise<void> {
    if (this.#inFlight.size + this.#unwritten.size === 0 || this.link.error !== undefined) return;
    await new Promise<void>((resolve) => (this.#drained = resolve));
  }

  /** What was written may have arrived; what was not, did not. */
  ended(error: ConnectorError): void {
    for (const waiter of [...this.#inFlight.values(), ...this.#unwritten]) waiter.resolve(unknown(error));
    for (const { waiter } of this.#queue) waiter.reject(new ConnectorError('lost', error.message, { cause: error }));
    this.#inFlight.clear();
    this.#unwritten.clear();
    this.#queue.length = 0;
    this.#drained?.();
  }
}
