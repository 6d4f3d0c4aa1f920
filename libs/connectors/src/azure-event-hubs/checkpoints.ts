import { createHash } from 'node:crypto';
import { fault } from '#fault';
import { ConnectorError, type DurableState } from '#lib/connector-sdk';
import { z } from 'zod';
import type { Position } from './progress.ts';
import type { Target } from './target.ts';

const Stored = z.object({
  /** When the hub was made, epoch ms: another one under its name begins anew. */
  hubCreatedAt: z.number(),
  /** Of the connection that reads last: each one's is higher than that before. */
  epoch: z.number(),
  partitions: z.record(z.string(), z.object({ offset: z.string(), sequenceNumber: z.number(), at: z.number() })),
});
type Stored = z.infer<typeof Stored>;

/** While more events are on their way to the store, a write waits this long for company, ms. */
const LINGER_MS = 500;
/** Connections of one integration that may begin at the same time. */
const MAX_CONFLICTS = 5;

/** Each hub and consumer group at its place, so that an integration that returns to one finds where it was. */
const keyOf = ({ host, hub, consumerGroup }: Target): string =>
  createHash('sha256')
    .update(JSON.stringify([host.toLowerCase(), hub.toLowerCase(), consumerGroup.toLowerCase()]))
    .digest('hex')
    .slice(0, 32);

function parse(value: Uint8Array): Stored {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  return Stored.parse(JSON.parse(text));
}

/** Where each partition is read on from: durable, and written by one connection only, the one of the highest epoch. */
export class Checkpoints {
  readonly epoch: number;
  #writing: Promise<void> = Promise.resolve();
  #busy = false;
  #linger: NodeJS.Timeout | undefined;
  #dirty = false;
  #ended = false;

  private constructor(
    private readonly state: DurableState,
    private readonly key: string,
    private readonly stored: Stored,
    private revision: number,
    private readonly onTaken: () => void,
  ) {
    this.epoch = stored.epoch;
  }

  /**
   * Takes over from whoever read before. `beginning` tells where a hub and consumer group that are new to the integration are read from.
   * `onTaken`: another connection took over from this one. Rejects ConnectorError.
   */
  static async open(
    state: DurableState,
    target: Target,
    hub: { readonly createdAt: number; beginning(): Promise<Record<string, Position>> },
    onTaken: () => void,
  ): Promise<Checkpoints> {
    const key = keyOf(target);
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      const found = await state.get(key);
      const before = found === undefined ? undefined : parse(found.value);
      const stored = {
        hubCreatedAt: hub.createdAt,
        epoch: (before?.epoch ?? 0) + 1,
        // All that is in a hub made anew came after what we read of the one before.
        partitions: before === undefined ? await hub.beginning() : before.hubCreatedAt === hub.createdAt ? before.partitions : {},
      };
      const revision = await state.compareAndSet(key, Buffer.from(JSON.stringify(stored)), found?.revision ?? 0);
      if (revision !== undefined) return new Checkpoints(state, key, stored, revision, onTaken);
    }
    throw new ConnectorError('lost', 'Other connections of this integration began at the same time.');
  }

  /** Undefined: from the first event that is kept, for the partition was added later, or it begins there. */
  of(partitionId: string): Position | undefined {
    return this.stored.partitions[partitionId];
  }

  /** Everything of a partition up to there is durable. `idle`: nothing else is on its way. */
  reached(partitionId: string, position: Position, idle: boolean): void {
    this.stored.partitions[partitionId] = position;
    this.#dirty = true;
    if (idle) void this.flush();
    else this.#linger ??= setTimeout(() => void this.flush(), LINGER_MS);
  }

  /** Resolves when all that was reached is written, or can't be any more. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    if (!this.#busy) this.#writing = this.#write();
    await this.#writing;
  }

  /** One write at a time, each with the newest of all partitions. */
  async #write(): Promise<void> {
    this.#busy = true;
    while (this.#dirty && !this.#ended) {
      this.#dirty = false;
      try {
        const revision = await this.state.compareAndSet(this.key, Buffer.from(JSON.stringify(this.stored)), this.revision);
        if (revision === undefined) {
          this.#ended = true;
          this.onTaken();
        } else {
          this.revision = revision;
          fault('connector.afterAck');
        }
      } catch {
        // The link is closed and the bus away: the events come again, and are known by their ids.
        this.#ended = true;
      }
    }
    this.#busy = false;
  }

  /** Whether a later connection of the integration took over; false too while that can't be told. */
  async isTaken(): Promise<boolean> {
    try {
      const found = await this.state.get(this.key);
      return found !== undefined && parse(found.value).epoch > this.epoch;
    } catch {
      return false;
    }
  }
}
