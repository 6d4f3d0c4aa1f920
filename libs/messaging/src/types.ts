import type { Activity, ConfigStates, DeadLetter, InboundEvent, LiveKind, TriggeredEvent } from '#lib/contracts';

/** Where a reader stands in a JetStream stream. Opaque outside this lib, but positions of one stream compare with `<`. 0 is before the first message. */
export type Position = number;

export type StreamName = 'CONFIG' | 'INBOUND' | 'TRIGGERED' | 'OUTBOUND' | 'ACTIVITY' | 'DEAD_LETTERS';
export type BucketName = 'STATUS' | 'LEASES' | 'KEYS' | 'CHECKPOINTS';

/**
 * Why a bus call failed.
 * full: a stream or subject bound refuses new messages; hold and retry with back-off. fenced: another holder has written its fence; stop at once.
 * unavailable: no answer from the bus: the message may or may not be stored. tooLarge: beyond 8 MB of payload or 64 KB of headers.
 * noResponders, timeout: of a request. sequence: an expected sequence did not match. duplicate: a batch holds an id twice, or one that was stored within the
 * de-duplication window.
 */
export type BusErrorCode = 'full' | 'fenced' | 'unavailable' | 'tooLarge' | 'noResponders' | 'timeout' | 'sequence' | 'duplicate';
export class BusError extends Error {
  constructor(
    readonly code: BusErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'BusError';
  }
}

/** An inbound event and its Nats-Msg-Id. */
export interface IdentifiedInbound {
  readonly event: InboundEvent;
  readonly messageId: string;
}

/** A partition's fence: every publish carries it, and the bus refuses the write once a newer holder has written its own. */
export interface Fence {
  readonly subject: string;
  readonly sequence: number;
}

export interface StoredAt {
  readonly position: Position;
  /** The de-duplication window already held a message of this id: nothing new was stored. */
  readonly duplicate: boolean;
}

export interface BusOptions {
  /** `nats://host:port[,…]` */
  readonly servers: string;
  readonly user?: string;
  readonly password?: string;
  /** Shown in the server's connection list: service and replica. */
  readonly name: string;
  /** It may use one connection with others of this process that say so. Default false. */
  readonly shared?: boolean;
}

/** An event on CONFIG: `state` is null after a deletion. */
export interface ConfigChange<K extends LiveKind = LiveKind> {
  readonly kind: K;
  /** The integration type, else `-`. */
  readonly type: string;
  readonly applicationId: string;
  readonly id: string;
  /** `IntegrationUpdated`, … */
  readonly event: string;
  readonly epoch: number;
  /** Version of the aggregate; the highest (epoch, version) wins. */
  readonly version: number;
  /** The event store's position. */
  readonly eventPosition: number;
  readonly actor: { type: string; id: string };
  readonly time: string;
  readonly state: ConfigStates[K] | null;
}

export interface StoredInbound extends InboundEvent {
  readonly position: Position;
}
export interface StoredTriggered extends TriggeredEvent {
  readonly position: Position;
}

/** A running ordered consumer; it makes itself anew after a missed heartbeat or a server restart, from where it stood. */
export interface Reader {
  /** Ends the reading; no callback runs after it resolves. */
  stop(): Promise<void>;
  /** Stops pulling new messages until `resume`; messages at hand may still be delivered. */
  pause(): void;
  resume(): void;
}

export interface ReadOptions<T> {
  /** The partitions to read (all 64: one filter). */
  readonly partitions: readonly number[];
  /** Deliver messages beyond this. */
  readonly from: Position;
  /** Called in stream order. Must not throw: a poisoned message arrives through `onPoison`. */
  readonly onMessage: (message: T, partition: number) => void;
  /** A stored message that cannot be decoded. */
  readonly onPoison: (poison: {
    position: Position;
    partition: number;
    subject: string;
    reason: string;
    body: Uint8Array;
    headers: Record<string, string>;
  }) => void;
}

/** A key-value entry. */
export interface KvEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}
export interface KvBucket {
  get(key: string): Promise<KvEntry | undefined>;
  /** Every live entry under a prefix of key tokens (`''`: all). */
  entries(prefix: string): Promise<KvEntry[]>;
  put(key: string, value: Uint8Array): Promise<number>;
  /** Compare-and-set; revision 0 = must not exist. Rejects BusError `sequence` when it lost. */
  compareAndSet(key: string, value: Uint8Array, revision: number): Promise<number>;
  purge(key: string): Promise<void>;
  /** Calls back for every entry now and each change after; `value` undefined = removed. Resolves once the present entries were delivered. */
  watch(onEntry: (key: string, value: Uint8Array | undefined, revision: number) => void): Promise<{ stop(): Promise<void> }>;
}

/** Everything Sluice does on NATS. One per process and service. */
export interface Bus {
  /** Verifies server version (≥ 2.12) and that streams and buckets are as declared; throws naming the difference. Services call it; only the migrator makes them. */
  verify(): Promise<void>;
  readonly connected: boolean;
  /** Called with false when the connection is lost and true when it is back. */
  onConnection(listener: (connected: boolean) => void): () => void;

  /** Durable publish of one inbound event. `messageId` is the Nats-Msg-Id. */
  publishInbound(event: InboundEvent, messageId: string | undefined, fence: Fence | undefined): Promise<StoredAt>;
  /**
   * Durable publish of up to 1,000 inbound events in their order: all of them, or none. Resolves with where the last one stands. Rejects BusError; after
   * `unavailable` all may be stored or none (or, if the bus itself died meanwhile, the first ones).
   */
  publishInboundBatch(batch: readonly IdentifiedInbound[], fence: Fence): Promise<StoredAt>;
  publishTriggered(event: TriggeredEvent, fence: Fence): Promise<StoredAt>;
  /** Queues an output for a disconnected integration; messageId = the output's id. */
  publishOutbound(subject: string, body: Uint8Array, messageId: string): Promise<StoredAt>;
  /**
   * Publishes a configuration event in place of the subject's older one, refusing a stale relay: `expected` = last position of this subject (0: none), from
   * the answer to the publish before it or from `last('CONFIG', configSubject(…))`. Rejects BusError `sequence` when it does not match. ttlSeconds for deletions.
   */
  publishConfig(change: ConfigChange, options: { expected: number; ttlSeconds?: number }): Promise<StoredAt>;
  publishDeadLetter(letter: DeadLetter): Promise<StoredAt>;
  /** Best effort, never awaited on the message path; dropped (and counted) while the bus is away. */
  publishActivity(activity: Activity): void;
  /** Activities dropped since the start. */
  readonly activityDropped: number;
  /** Writes this holder's fence (rolled up) and returns it. */
  writeFence(stream: 'INBOUND' | 'TRIGGERED' | 'OUTBOUND', holder: string, partition: number, token: number): Promise<Fence>;

  readInbound(options: ReadOptions<StoredInbound>): Promise<Reader>;
  readTriggered(options: ReadOptions<StoredTriggered>): Promise<Reader>;
  /** All stored messages of one subject filter now, oldest first, bounded; for drains, take-overs, dead letters and activity history. */
  list(stream: StreamName, filter: string, options?: { after?: Position; max?: number }): Promise<StoredMessage[]>;
  /** The last stored message of a subject. */
  last(stream: StreamName, subject: string): Promise<StoredMessage | undefined>;
  /** The stored message of a source with the highest running number (docs/adr/0003); undefined when none is numbered. */
  lastInbound(applicationId: string, sourceId: string): Promise<StoredInbound | undefined>;
  decodeTriggered(message: StoredMessage): StoredTriggered;
  decodeInbound(message: StoredMessage): StoredInbound;
  decodeConfig(message: StoredMessage): ConfigChange;
  /** End of a stream now, and when it was created (ISO): a position is only good for the stream it was taken from. */
  streamInfo(stream: StreamName): Promise<{ end: Position; created: string; messages: number; bytes: number }>;
  /** Purges what a filter selects, up to and including a position. */
  purge(stream: StreamName, filter: string, through: Position): Promise<void>;
  /** Deletes one message. */
  remove(stream: StreamName, position: Position): Promise<void>;

  /**
   * Reads CONFIG: every present state, then each change, in order. `onChange` runs before `sequence` moves. Older (epoch, version)s are filtered out here.
   * Resolves at the stream's end as it was at the start; nobody acts before.
   */
  followConfig(
    kinds: readonly LiveKind[],
    onChange: (change: ConfigChange) => void,
    /** An event that cannot be decoded: skipped, as every reader would; say so in the log. */
    onPoison?: (subject: string, reason: string) => void,
  ): Promise<ConfigFollower>;
  /** Live ACTIVITY from now on, all applications. */
  followActivity(onActivity: (activity: Activity) => void): Promise<Reader>;

  kv(bucket: BucketName): KvBucket;

  /** Core request/reply. */
  request(subject: string, body: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /** Answers requests; a throwing handler is answered as no reply would be wrong: it must map its own errors. `queue` shares them among replicas. */
  serve(
    subject: string,
    handler: (subject: string, body: Uint8Array) => Promise<Uint8Array>,
    options?: { queue?: string },
  ): { stop(): Promise<void> };

  /** Flushes and closes. */
  close(): Promise<void>;
}

export interface StoredMessage {
  readonly position: Position;
  readonly subject: string;
  /** As stored: values are percent-encoded. */
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  readonly time: string;
}

export interface ConfigFollower {
  /** CONFIG stream sequence applied. */
  readonly sequence: number;
  /** Event-store position applied. */
  readonly eventPosition: number;
  /** Resolves when `sequence` ≥ n; rejects BusError `timeout`. */
  reached(sequence: number, timeoutMs: number): Promise<void>;
  reachedEvent(eventPosition: number, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}
