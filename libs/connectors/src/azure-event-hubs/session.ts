import type { EventHubProperties, ReceivedEventData } from '@azure/event-hubs';
import { type Connection, type ConnectionContext, ConnectorError, type SendMessage, type SendOutcome } from '#lib/connector-sdk';
import type { Checkpoints } from './checkpoints.ts';
import type { Consumer } from './consumer.ts';
import { receivedMessage } from './event.ts';
import { NOBODY, PartitionReader, positionOf } from './partition-reader.ts';
import type { Producer } from './producer.ts';
import { type Position, Progress } from './progress.ts';
import { type Pace, Readers } from './readers.ts';
import { codeOf, reasonOf } from './reasons.ts';
import type { Target } from './target.ts';
import { withinMs } from '../within.ts';

/** New partitions of a hub that is never silent are looked for this often, ms. */
const LOOK_MS = 600_000;
/** For storing what is at hand, and then for how far that is, at the end, ms; the runtime gives 6 s in all. */
const DRAIN_MS = 2_500;
const FLUSH_MS = 1_500;

export interface SessionParts {
  readonly target: Target;
  readonly consumer: Consumer;
  readonly producer: Producer;
  readonly hub: EventHubProperties;
  /** Partition keys; empty: all events. */
  readonly topics: readonly string[];
  readonly pace: Partial<Pace> | undefined;
}

interface Partition {
  readonly progress: Progress;
  /** Of the last event before us, until the first one came: what is missing between them is a gap. */
  before: Position | undefined;
}

/** What there is of a session that reads. */
interface Reading {
  readonly checkpoints: Checkpoints;
  readonly readers: Readers;
}

/** One hub, read by all its partitions and sent to. */
export class EventHubSession implements Connection {
  readonly connectData: Record<string, unknown>;
  readonly #parts: SessionParts;
  readonly #context: ConnectionContext;
  readonly #wanted: ReadonlySet<string>;
  readonly #partitions = new Map<string, Partition>();
  #reading: Reading | undefined;
  #phase: 'open' | 'closing' | 'ended' = 'open';
  /** On their way to the store. */
  #storing = 0;
  #idle: (() => void) | undefined;
  #lookedAt = performance.now();

  constructor(parts: SessionParts, context: ConnectionContext) {
    this.#parts = parts;
    this.#context = context;
    this.#wanted = new Set(parts.topics);
    this.connectData = { eventHubName: parts.hub.name, partitionIds: parts.hub.partitionIds };
    context.onFlow((held) => {
      if (held) this.#reading?.readers.hold();
      else this.#reading?.readers.flow();
    });
    parts.consumer.onEnd((error) => this.#fail(error));
    parts.consumer.onHub = (now) => this.#told(now);
  }

  /** Reads every partition from where it was read last. Rejects with what the client says when the service lets none be read. */
  async start(checkpoints: Checkpoints): Promise<void> {
    const { consumer, hub, pace } = this.#parts;
    const [first] = hub.partitionIds;
    // What the service has against the consumer group or the key, it has on all of them.
    if (first !== undefined) await new PartitionReader(consumer, first, checkpoints.epoch, checkpoints.of(first), NOBODY).prove();
    const readers = new Readers(
      consumer,
      { epoch: checkpoints.epoch, held: this.#context.held, pace },
      {
        take: (partitionId, event) => this.#take(partitionId, event),
        failed: (error) => void this.#failed(error),
      },
    );
    this.#reading = { checkpoints, readers };
    this.#read(hub.partitionIds);
  }

  #read(partitionIds: readonly string[]): void {
    if (this.#reading === undefined || this.#phase !== 'open') return;
    const { checkpoints, readers } = this.#reading;
    for (const partitionId of partitionIds) {
      if (readers.has(partitionId)) continue;
      const before = checkpoints.of(partitionId);
      this.#partitions.set(partitionId, { progress: new Progress(), before });
      readers.add(partitionId, before);
    }
  }

  #take(partitionId: string, event: ReceivedEventData): void {
    const partition = this.#partitions.get(partitionId);
    if (this.#phase !== 'open' || partition === undefined) return;
    if (performance.now() - this.#lookedAt > LOOK_MS) this.#look().catch(() => undefined); // the link says itself what is wrong with it
    const position = positionOf(event);
    this.#tellGap(partition, position);
    const taken = partition.progress.take(position);
    if (this.#wanted.size > 0 && !this.#wanted.has(event.partitionKey ?? '')) {
      this.#context.proven('event');
      this.#reached(partitionId, partition.progress.done(taken), false);
      return;
    }
    const { name: hub, createdOn } = this.#parts.hub;
    this.#storing++;
    this.#context.receive(receivedMessage(event, { hub, createdAt: createdOn.getTime(), partitionId })).then(
      () => {
        this.#settled();
        this.#reached(partitionId, partition.progress.done(taken), this.#storing === 0);
      },
      (cause: unknown) => {
        this.#settled();
        this.#fail(new ConnectorError('lost', 'An event could not be stored.', { cause }));
      },
    );
  }

  /** Events are numbered without holes: those between were removed before we read them. */
  #tellGap(partition: Partition, { sequenceNumber, at }: Position): void {
    const { before } = partition;
    partition.before = undefined;
    if (before === undefined || sequenceNumber <= before.sequenceNumber + 1) return;
    const missing = sequenceNumber - before.sequenceNumber - 1;
    this.#context.gap(Math.max(before.at, 0), at, `${missing} events expired in the hub before they were read.`);
  }

  #reached(partitionId: string, position: Position | undefined, idle: boolean): void {
    if (position !== undefined) this.#reading?.checkpoints.reached(partitionId, position, idle);
  }

  #settled(): void {
    this.#storing--;
    if (this.#storing === 0) this.#idle?.();
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#phase !== 'open') return;
    const reason = reasonOf(error, { target: this.#parts.target, doing: 'receive from the hub' });
    const { checkpoints } = this.#reading ?? {};
    this.#fail(codeOf(error) === 'ReceiverDisconnectedError' && (await checkpoints?.isTaken()) === true ? TAKEN : reason);
  }

  /** Another connection of this integration wrote how far it is. */
  readonly onTaken = (): void => this.#fail(TAKEN);

  #fail(error: ConnectorError): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ended';
    this.#context.lost(error);
  }

  async send(message: SendMessage): Promise<SendOutcome> {
    return await this.#parts.producer.send(message);
  }

  async probe(): Promise<void> {
    await this.#look();
  }

  /** Asks for the hub. Rejects ConnectorError. */
  async #look(): Promise<void> {
    const { consumer, target } = this.#parts;
    this.#lookedAt = performance.now();
    try {
      await consumer.hub();
    } catch (error) {
      const reason = reasonOf(error, { target, doing: 'read the hub' });
      // Asked for less, it has answered all the same.
      if (reason.code !== 'throttled') throw reason;
    }
  }

  /** What the hub is now: it may have got partitions, or be another one. */
  #told({ createdOn, partitionIds }: EventHubProperties): void {
    const { hub } = this.#parts;
    this.#lookedAt = performance.now();
    if (createdOn.getTime() !== hub.createdOn.getTime())
      return this.#fail(new ConnectorError('lost', `The hub ${hub.name} was made anew.`));
    this.#context.proven('hub');
    this.#read(partitionIds);
  }

  async close({ drain }: { drain: boolean }): Promise<void> {
    const inOrder = drain && this.#phase === 'open';
    this.#phase = inOrder ? 'closing' : 'ended';
    const { consumer, producer } = this.#parts;
    // Unless it is closed in order, the links go with the connection.
    if (!inOrder) consumer.end(CLOSED);
    const stopped = this.#reading?.readers.stop();
    if (inOrder && this.#storing > 0) await withinMs(DRAIN_MS, new Promise<void>((resolve) => (this.#idle = resolve)));
    const written = this.#reading?.checkpoints.flush();
    if (inOrder) await withinMs(FLUSH_MS, Promise.all([written, stopped]));
    await Promise.all([consumer.close(), producer.close()]);
  }
}

const CLOSED = new ConnectorError('lost', 'The connection is closed.');
const TAKEN = new ConnectorError('lost', 'Another connection of this integration reads the hub now.');
