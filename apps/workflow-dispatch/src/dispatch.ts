import type { ConfigFollower, Bus, Position, StoredInbound } from '#lib/messaging';
import type { Batch, HeldPartition, Item, Poison } from '#lib/partitions';
import type { Catalog } from './catalog.ts';
import type { Effect } from './effect.ts';
import { RunningNumbers } from './numbers.ts';
import { PartitionDispatch } from './partition-dispatch.ts';
import { type Database, readFirings, readLastNumbers, readQuotas } from './persistence/ledger-reader.ts';
import { readRecorded, recordFanOuts } from './persistence/fan-outs.ts';
import { readRecentIds } from './persistence/recent-ids.ts';
import { type FanOuts, NO_FAN_OUTS, readFanOuts, type StoredFanOut } from './predecessor.ts';
import { type Books, charge, type Decided } from './decide.ts';
import { type Period, QuotaBook } from './quota.ts';
import { RecentIds } from './recent-ids.ts';
import { TimerBook } from './timer-book.ts';
import type { Timers } from './timers.ts';

export interface DispatchOptions {
  readonly bus: Bus;
  readonly database: Database;
  readonly catalog: Catalog;
  readonly follower: ConfigFollower;
  readonly timers: Timers;
  readonly committed: (partition: number) => number | undefined;
  readonly onError: (error: unknown) => void;
}

interface Taken {
  readonly dispatch: PartitionDispatch;
  readonly token: number;
}

/** Partitions prepared at once at a take-over: each is a few requests to the bus. */
const PREPARED_AT_ONCE = 16;

/** The partitions this replica decides for. */
export class Dispatch {
  readonly #taken = new Map<number, Taken>();

  constructor(private readonly options: DispatchOptions) {}

  /** Reads what the decisions rest on, writes the fence, and reads what the predecessor published after its last commit: in that order nothing can be added to it. */
  async prepare(held: readonly HeldPartition[]): Promise<void> {
    const { bus, database } = this.options;
    const partitions = held.map(({ partition }) => partition);
    const [numbers, quotas, firings, ids, { created }] = await Promise.all([
      readLastNumbers(database, partitions),
      readQuotas(database, partitions),
      readFirings(database, partitions),
      readRecentIds(database, partitions),
      bus.streamInfo('INBOUND'),
    ]);
    const books = new Map<number, Books>(
      partitions.map((partition) => [
        partition,
        { numbers: new RunningNumbers(), quota: new QuotaBook(), timers: new TimerBook(), ids: new RecentIds() },
      ]),
    );
    for (const { partition, integrationId, last } of numbers) books.get(partition)?.numbers.load(integrationId, last);
    for (const row of quotas) books.get(row.partition)?.quota.load([row]);
    for (const { partition, timer, at } of firings) books.get(partition)?.timers.load(timer, at);
    for (const row of ids) books.get(row.partition)?.ids.load(row.ids);
    const epoch = Math.floor(Date.parse(created) / 1_000).toString(36);
    const recorded = await readRecorded(database, partitions, epoch);
    const left = [...held];
    const prepareNext = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop())
        await this.#prepareOne(next, books.get(next.partition), epoch, recorded.get(next.partition) ?? NO_FAN_OUTS);
    };
    await Promise.all(Array.from({ length: PREPARED_AT_ONCE }, prepareNext));
    this.options.timers.take(partitions);
  }

  async #prepareOne(
    { partition, token, committed }: HeldPartition,
    books: Books | undefined,
    epoch: string,
    recorded: FanOuts,
  ): Promise<void> {
    if (books === undefined) return;
    const { bus, catalog, database, follower, onError } = this.options;
    const fence = await bus.writeFence('TRIGGERED', 'dispatch', partition, token);
    const stored = new Map<Position, StoredFanOut & Decided>();
    const { fanOuts } = await readFanOuts(bus, partition, { committed, from: 0, recorded });
    for (const [position, fanOut] of fanOuts) {
      const { inbound } = fanOut;
      stored.set(position, inbound.type === 'message' ? { ...fanOut, charged: charge(inbound, catalog, books) } : fanOut);
    }
    const dispatch = new PartitionDispatch({
      partition,
      bus,
      fence,
      renewFence: () => bus.writeFence('TRIGGERED', 'dispatch', partition, token),
      books,
      catalog,
      config: follower,
      epoch,
      stored,
      recorded,
      record: (all) => recordFanOuts(database, { partition, token, epoch }, all),
      committed: () => this.options.committed(partition) ?? committed,
      onFenced: () => onError(new Error(`another dispatch has taken partition ${partition}`)),
      onError,
    });
    // A take-over that was overtaken by a later one of ours is void.
    if ((this.#taken.get(partition)?.token ?? 0) <= token) this.#taken.set(partition, { dispatch, token });
  }

  /** How far nobody will look for anything in a partition of TRIGGERED any more. Throws when it isn't held. */
  settledThrough(partition: number): Position {
    const through = this.#taken.get(partition)?.dispatch.settledThrough;
    if (through === undefined) throw new Error(`partition ${partition} is not held`);
    return through;
  }

  readonly onMessage = (event: StoredInbound, item: Item<Effect>): void => this.#taken.get(item.partition)?.dispatch.handle(event, item);

  readonly onPoison = (poison: Poison, item: Item<Effect>): void => this.#taken.get(item.partition)?.dispatch.handlePoison(poison, item);

  /** Tells of each quota that was reached, once that is committed: so a take-over tells nothing again. */
  readonly onCommitted = (batches: readonly Batch<Effect>[]): void => {
    for (const { passed } of batches)
      for (const { effect } of passed) if (effect.message?.quota?.firstRefused === true) this.#announceQuota(effect, effect.message.quota);
  };

  forget(partitions: readonly number[]): void {
    this.options.timers.forget(partitions);
    for (const partition of partitions) {
      this.#taken.get(partition)?.dispatch.end();
      this.#taken.delete(partition);
    }
  }

  end(): void {
    this.forget([...this.#taken.keys()]);
  }

  #announceQuota({ applicationId, sourceId }: Effect, { storedAt, period }: { storedAt: number; period: Period }): void {
    const { payloads = 0, period: kind = 'month' } = this.options.catalog.limits(applicationId) ?? {};
    const body = { integrationId: sourceId, payloads, period: kind, started: period.started.toISOString() };
    this.options.bus.publishActivity({ kind: 'quota', id: applicationId, applicationId, time: new Date(storedAt).toISOString(), body });
  }
}
