import type { Socket } from 'node:net';
import type { CheckStep, SendVerdict } from '#lib/contracts';

/** One message as it came from the provider. */
export interface ReceivedMessage {
  /** The provider's own bytes. */
  readonly body: Uint8Array;
  /** The provider's metadata for the run's `data`: for MQTT {topic}. JSON-safe values. */
  readonly attributes: Record<string, unknown>;
  /** The provider's id of it, unique within this source incarnation (SQS MessageId, …); absent where there is none (MQTT). */
  readonly providerId?: string;
  /** The provider marked it as a redelivery. */
  readonly redelivered?: boolean;
  /** The source cannot redeliver it: if it cannot be held, the runtime may drop it and records a gap. */
  readonly droppable?: boolean;
  /** Present where the message is too large to be held: `body` is only its beginning (64 KB or more), this says what the whole is. It ends as `oversize`. */
  readonly cut?: Cut;
}

/** Size of a whole message in bytes, and its SHA-256 in hexadecimal digits. */
export interface Cut {
  readonly bytes: number;
  readonly sha256: string;
}

/** What an integration's connections keep beyond their own life: a few small values by key, no secrets, until the integration is deleted. */
export interface DurableState {
  /** `key`: letters, digits, `-` and `_`. Rejects ConnectorError `lost` while it can't be read. */
  get(key: string): Promise<{ readonly value: Uint8Array; readonly revision: number } | undefined>;
  /**
   * Writes if the key still stands at `revision` (0: it isn't there), and resolves with the new revision; undefined: another connection wrote meanwhile.
   * Takes as long as the bus is away; rejects once the link is closed too.
   */
  compareAndSet(key: string, value: Uint8Array, revision: number): Promise<number | undefined>;
}

/** What the runtime gives a connection. A connection calls it; it never retries, reconnects, throttles or reports by itself. */
export interface ConnectionContext {
  /**
   * Hands over a message. Resolves once it is durable (or, for a droppable one, dropped and recorded): only then acknowledge to the provider, in order.
   * Rejects when it could not be stored and the link is being closed: do not acknowledge. Calls may overlap; the runtime keeps their order.
   */
  receive(message: ReceivedMessage): Promise<void>;
  /** True while the runtime wants no more messages: stop reading the source until `onFlow` says false. At most 256 messages or 16 MB are held. */
  readonly held: boolean;
  onFlow(listener: (held: boolean) => void): void;
  /** The link is proven: `kind` is suback, pingresp, poll, pong, sse, …; `detail` goes into the run of the connect trigger (`{topics}`). */
  proven(kind: string): void;
  /** The link ended or failed; called once, after which the runtime calls `close`. */
  lost(error: Error): void;
  /** Messages were lost at the source between two times (epoch ms). */
  gap(from: number, to: number, cause: string): void;
  /** Dials through egress: the only way out. Returns a connected plain socket (noDelay set), pinned to a checked address. */
  dial(host: string, port: number): Promise<Socket>;
  readonly state: DurableState;
  /** Aborted when the runtime gives up on this connection attempt. */
  readonly signal: AbortSignal;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** Rendered, opened configuration of one integration: templates rendered, secrets in clear. Never logged, never stored. */
export interface ConnectionConfig<C> {
  readonly integrationId: string;
  readonly applicationId: string;
  readonly topics: readonly string[];
  readonly config: C;
  /** The client id to use where none is configured. */
  readonly assignedClientId: string;
}

export interface SendMessage {
  /** run:node:ordinal */
  readonly id: string;
  readonly payload: Uint8Array;
  /** The provider's own: for MQTT {topic, qos, retain}. Validated by the definition's `send` schema. */
  readonly options: Record<string, unknown>;
}

export interface SendOutcome {
  readonly verdict: Extract<SendVerdict, 'succeeded' | 'failed' | 'unknown'>;
  readonly result?: Record<string, unknown>;
  readonly error?: { type: string; message: string };
}

/** A live link to a provider. */
export interface Connection {
  /** `data` of the run of a connect trigger: for MQTT {topics}. */
  readonly connectData: Record<string, unknown>;
  /** Sends one message; rejects ConnectorError. */
  send?(message: SendMessage): Promise<SendOutcome>;
  /**
   * Asks the provider for a proof of life (PINGREQ, …); resolves when it answered. The runtime calls it when no evidence came for a while and not while held,
   * with its own deadline; and, where a provider has `copies`, before it closes a connection that another one takes over from.
   */
  probe(): Promise<void>;
  /** Ends the link. `drain`: first finish what is in flight (acknowledgements of stored messages). Never rejects for a link that is already gone. */
  close(options: { drain: boolean }): Promise<void>;
}

/** What only sends: it takes no message, subscribes to nothing and leaves nothing behind. */
export interface Sender {
  /** As that of a {@link Connection}. The first one dials. */
  send(message: SendMessage): Promise<SendOutcome>;
  /** Ends what it holds; called once, when no send is under way any more, or when one takes too long. */
  close(): Promise<void>;
}

/** What a sender gets. `lost`: the link is gone, or the provider refused who it is: another one is made for the sends that follow, not at once. */
export type SenderContext = Pick<ConnectionContext, 'dial' | 'signal' | 'lost'>;

/** What a check of a configuration gets. */
export interface CheckContext extends Pick<ConnectionContext, 'dial' | 'signal' | 'log'> {
  /**
   * Does one step and tells how it went: `passed` of success, else the reason that `work` rejects with, which it rejects with too. Inside another step only the
   * inner one tells of a failure. What is dialled tells of itself.
   */
  readonly step: <T>(step: CheckStep, passed: string, work: () => Promise<T>) => Promise<T>;
}

/** A provider's client, loaded lazily: nothing of it is imported before `load()`. */
export interface Provider<C = unknown> {
  /** Connects, authenticates, subscribes, and resolves only with proof (every SUBACK checked). Rejects ConnectorError. */
  connect(config: ConnectionConfig<C>, context: ConnectionContext): Promise<Connection>;
  /**
   * How a changed secret is tried while the old connection still stands; absent: by `connect`, and for a moment both connections are there. Present where a
   * provider admits one connection only: connects and authenticates as somebody else, asks for no messages and leaves nothing behind. It is closed before `connect`.
   */
  trial?(config: ConnectionConfig<C>, context: ConnectionContext): Promise<Connection>;
  /**
   * Present where each connection is sent the same messages, without ids: what is equal of a message on two of them. While a new connection takes over from
   * another, the runtime takes once what both brought.
   */
  copies?(message: ReceivedMessage): string;
  /**
   * Tries a configuration, step by step, and leaves nothing behind: takes no message, no session and no place of a connection that is there. Rejects
   * ConnectorError where it can't go on.
   */
  check?(config: ConnectionConfig<C>, context: CheckContext): Promise<void>;
  /**
   * Present where workflows may send without an integration, with a credential of their own; `topics` are empty then. Dials nothing yet. Rejects ConnectorError
   * for a configuration that can't be used.
   */
  sender?(config: ConnectionConfig<C>, context: SenderContext): Promise<Sender>;
  /** Removes what we left at the provider: a persistent MQTT session. Called once after a deletion. */
  dispose?(config: ConnectionConfig<C>, context: Pick<ConnectionContext, 'dial' | 'signal' | 'log'>): Promise<void>;
}
