import { createHash, randomUUID } from 'node:crypto';
import type { ConfigFollower, Bus, StoredInbound } from '#lib/messaging';
import { backOff, type HeldPartition, type Item, type Poison } from '#lib/partitions';
import type { Catalog } from './catalog.ts';
import type { Effect } from './effect.ts';
import { RunningNumbers } from './numbers.ts';
import { PartitionDispatch } from './partition-dispatch.ts';
import { type Database, readLastNumbers, readQuotas } from './persistence/ledger-reader.ts';
import { readPredecessor } from './predecessor.ts';
import type { Books } from './decide.ts';
import { QuotaBook } from './quota.ts';

export interface DispatchOptions {
  readonly bus: Bus;
  readonly database: Database;
  readonly catalog: Catalog;
  readonly follower: ConfigFollower;
  readonly committed: (partition: number) => number | undefined;
  readonly onError: (error: unknown) => void;
}

interface Taken {
  readonly dispatch: PartitionDispatch;
  readonly books: Books;
}

/** Partitions prepared at once at a take-over: each is a few requests to the bus. */
const PREPARED_AT_ONCE = 16;
/** How much of an unreadable message its dead letter keeps, bytes. */
const MAX_BODY = 64 * 1024;

/** The partitions this replica decides for. */
export class Dispatch {
  readonly #taken = new Map<number, Taken>();
  readonly #ended = new AbortController();

  constructor(private readonly options: DispatchOptions) {}

  /** Reads what the decisions rest on, writes the fence, and reads what the predecessor published after its last commit: in that order nothing can be added to it. */
  async prepare(held: readonly HeldPartition[]): Promise<void> {
    const { bus, database } = this.options;
    const partitions = held.map(({ partition }) => partition);
    const [numbers, quotas, { created }] = await Promise.all([
      readLastNumbers(database, partitions),
      readQuotas(database, partitions),
      bus.streamInfo('INBOUND'),
    ]);
    const books = new Map<number, Books>(
      partitions.map((partition) => [partition, { numbers: new RunningNumbers(), quota: new QuotaBook() }]),
    );
    for (const { partition, integrationId, last } of numbers) books.get(partition)?.numbers.load(integrationId, last);
    for (const row of quotas) books.get(row.partition)?.quota.load([row]);
    const epoch = Math.floor(Date.parse(created) / 1_000).toString(36);
    const left = [...held];
    const prepareNext = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) await this.#prepareOne(next, books.get(next.partition), epoch);
    };
    await Promise.all(Array.from({ length: PREPARED_AT_ONCE }, prepareNext));
  }

  async #prepareOne({ partition, token, committed }: HeldPartition, books: Books | undefined, epoch: string): Promise<void> {
    if (books === undefined) return;
    const { bus, catalog, follower, onError } = this.options;
    const fence = await bus.writeFence('TRIGGERED', 'dispatch', partition, token);
    const stored = await readPredecessor(bus, partition, committed);
    const dispatch = new PartitionDispatch({
      partition,
      bus,
      fence,
      books,
      catalog,
      config: follower,
      epoch,
      stored,
      committed: () => this.options.committed(partition) ?? committed,
      onQuotaReached: (event) => this.#announceQuota(event),
      onFenced: () => onError(new Error(`another dispatch has taken partition ${partition}`)),
      onError,
    });
    this.#taken.set(partition, { dispatch, books });
  }

  readonly onMessage = (event: StoredInbound, item: Item<Effect>): void => this.#taken.get(item.partition)?.dispatch.handle(event, item);

  /** An unreadable message goes to the dead letters; it had the next running number of its integration. */
  readonly onPoison = (poison: Poison, item: Item<Effect>): void => {
    const [, , applicationId = '-', sourceId = '-'] = poison.subject.split('.');
    const books = this.#taken.get(item.partition)?.books;
    if (books === undefined) return;
    const number = books.numbers.takeNext(sourceId);
    const message = { outcome: 'deadLettered' as const, number, missing: 0, repeated: false, redelivered: false, storedAt: Date.now() };
    const effect: Effect = { applicationId, sourceId, sourceType: 'unknown', type: 'message', triggered: 0, message };
    void this.#bury(poison, applicationId, sourceId).then((buried) => {
      if (buried) item.done(effect);
    });
  };

  forget(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.#taken.get(partition)?.dispatch.end();
      this.#taken.delete(partition);
    }
  }

  end(): void {
    this.#ended.abort();
    this.forget([...this.#taken.keys()]);
  }

  #announceQuota({ applicationId, sourceId, time }: StoredInbound): void {
    const limits = this.options.catalog.limits(applicationId);
    const body = { integrationId: sourceId, payloads: limits?.payloads ?? 0, period: limits?.period ?? 'month' };
    this.options.bus.publishActivity({ kind: 'quota', id: applicationId, applicationId, time, body });
  }

  /** False when the service ends before it is stored. */
  async #bury({ body, reason, subject }: Poison, applicationId: string, sourceId: string): Promise<boolean> {
    const letter = {
      id: randomUUID(),
      time: new Date().toISOString(),
      applicationId,
      sourceId,
      stage: 'dispatch' as const,
      reason: 'poison',
      message: `The stored message can not be read: ${reason}`,
      attributes: { subject },
      size: body.byteLength,
      sha256: createHash('sha256').update(body).digest('hex'),
      body: Buffer.from(body.subarray(0, MAX_BODY)).toString('base64'),
      truncated: body.byteLength > MAX_BODY,
    };
    for (let attempt = 0; ; attempt++) {
      try {
        await this.options.bus.publishDeadLetter(letter);
        return true;
      } catch (error) {
        this.options.onError(error);
        if (!(await backOff(attempt, this.#ended.signal))) return false;
      }
    }
  }
}
