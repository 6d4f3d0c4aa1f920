import type { ReceivedEventData } from '@azure/event-hubs';
import type { Consumer } from './consumer.ts';
import { PartitionReader } from './partition-reader.ts';
import type { Position } from './progress.ts';

export interface Pace {
  /** By then the client attached a link, or gave it up, ms. Until then it has to hear the server. */
  readonly attachMs: number;
  /** A connection from which nothing is read for 2 minutes is taken for dead by the client. Before that links are closed instead, ms. */
  readonly parkMs: number;
}
const PACE: Pace = { attachMs: 10_000, parkMs: 45_000 };

export interface ReadersEvents {
  take(partitionId: string, event: ReceivedEventData): void;
  failed(error: unknown): void;
}

/**
 * Reads all partitions of a hub, and stops all of them at once when it is to hold back: nothing more is read from the connection, so what the client keeps
 * in memory is what came in its last chunk of 64 KB. By the client's credit alone it can't be held back: that grows with each batch. (Measured: 330 events
 * behind a handler that took 10.) While links are being attached it bounds what comes: 32 events a partition.
 */
export class Readers {
  readonly #consumer: Consumer;
  readonly #epoch: number;
  readonly #events: ReadersEvents;
  readonly #readers = new Map<string, PartitionReader>();
  #state: 'flowing' | 'held' | 'parked' | 'stopped';
  #timer: NodeJS.Timeout | undefined;
  /** Monotonic ms: since then no link is being attached. */
  #attached = 0;
  readonly #pace: Pace;
  #turns: Promise<void> | undefined;
  #resolve: (() => void) | undefined;

  constructor(
    consumer: Consumer,
    { epoch, held, pace }: { readonly epoch: number; readonly held: boolean; readonly pace: Partial<Pace> | undefined },
    events: ReadersEvents,
  ) {
    this.#consumer = consumer;
    this.#epoch = epoch;
    this.#pace = { ...PACE, ...pace };
    this.#events = events;
    this.#state = held ? 'parked' : 'flowing';
  }

  has(partitionId: string): boolean {
    return this.#readers.has(partitionId);
  }

  /** Behind a position; undefined: from the first event that is kept. */
  add(partitionId: string, position: Position | undefined): void {
    const reader = new PartitionReader(this.#consumer, partitionId, this.#epoch, position, {
      turn: () => this.#turn(),
      take: (event) => this.#events.take(partitionId, event),
      failed: (error) => this.#events.failed(error),
    });
    this.#readers.set(partitionId, reader);
    if (this.#state === 'flowing' || this.#state === 'held') this.#start(reader);
  }

  #start(reader: PartitionReader): void {
    this.#attached = performance.now() + this.#pace.attachMs;
    reader.start();
  }

  hold(): void {
    if (this.#state !== 'flowing') return;
    this.#state = 'held';
    const attaching = this.#attached - performance.now();
    if (attaching > 0) this.#timer = setTimeout(() => this.#pause(), attaching);
    else this.#pause();
  }

  #pause(): void {
    if (this.#consumer.pause()) {
      this.#timer = setTimeout(() => this.#park(), this.#pace.parkMs);
      return;
    }
    this.#park();
    this.#consumer.move();
  }

  #park(): void {
    this.#state = 'parked';
    void this.#stopAll();
  }

  flow(): void {
    const parked = this.#state === 'parked';
    if (!parked && this.#state !== 'held') return;
    this.#state = 'flowing';
    clearTimeout(this.#timer);
    this.#release();
    if (parked) for (const reader of this.#readers.values()) this.#start(reader);
    else this.#consumer.resume();
  }

  /** For good. Never rejects. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    await this.#stopAll();
  }

  /** Links are closed over a connection that is read; whoever waits for its turn learns that it is over. */
  async #stopAll(): Promise<void> {
    const stopped = [...this.#readers.values()].map(async (reader) => await reader.stop());
    this.#consumer.resume();
    this.#release();
    await Promise.all(stopped);
  }

  #turn(): Promise<void> | undefined {
    if (this.#state === 'flowing') return undefined;
    return (this.#turns ??= new Promise((resolve) => (this.#resolve = resolve)));
  }

  #release(): void {
    this.#resolve?.();
    this.#resolve = undefined;
    this.#turns = undefined;
  }
}
