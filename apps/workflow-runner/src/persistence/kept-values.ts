import type { Position } from '#lib/messaging';
import type { Transaction } from '#lib/partitions';
import { persist, type KeepTrying } from '../dead-letters.ts';
import { NodeError, type Kept, type KeptChange } from '../engine/index.ts';
import { writeSteps } from './run-steps.ts';

/** What one workflow may keep of each kind: entries, bytes of one value as JSON, and bytes of all. */
const LIMITS: Record<Kept['kind'], { readonly entries: number; readonly value: number; readonly all: number }> = {
  value: { entries: 1_000, value: 64 * 1024, all: 1024 * 1024 },
  throttle: { entries: 10_000, value: 1024, all: 10 * 1024 * 1024 },
};
/** Changes made in one transaction, at most. */
const BATCH = 500;

/** A change that a run makes. */
export interface KeptRequest {
  readonly partition: number;
  readonly token: number;
  readonly position: Position;
  readonly flowId: string;
  /** Under which its result is on record for later attempts; undefined: it only reads. */
  readonly step: string | undefined;
  readonly kept: Kept;
  readonly change: KeptChange;
}

interface Waiting {
  readonly request: KeptRequest;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}
interface Entry {
  value: string | undefined;
  until: number | undefined;
  changed: boolean;
}
interface Usage {
  entries: number;
  bytes: number;
}
type Settle = () => void;

/**
 * Table `flow_values`: what workflows keep from run to run. The partition's holder alone changes it, checked by its token, in the order asked for; those that
 * come together share a transaction. The result of a change is written with it, so that a run which restarts doesn't make it again.
 */
export class KeptValues {
  #waiting: Waiting[] = [];
  #working = false;

  constructor(
    private readonly transact: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>,
    private readonly keepTrying: KeepTrying,
  ) {}

  /** Resolves with the change's result once it is committed; never, when this process doesn't hold the partition any more. Rejects what the change throws, and KeptTooMuch. */
  change(request: KeptRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (!this.#working) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#waiting.length > 0 && !this.keepTrying.signal.aborted) {
      const batch = this.#waiting.splice(0, BATCH);
      const settled = await persist(this.keepTrying, () => this.transact((transaction) => changeAll(transaction, batch)));
      for (const settle of settled ?? []) settle();
    }
    this.#working = false;
  }
}

const nameOf = (flowId: string, { kind, key }: Kept): string => JSON.stringify([flowId, kind, key]);

async function changeAll(transaction: Transaction, batch: readonly Waiting[]): Promise<Settle[]> {
  const ours = await held(transaction, batch);
  const entries = await readEntries(transaction, ours);
  const usages = await readUsages(transaction, ours);
  const steps: Parameters<typeof writeSteps>[1][number][] = [];
  const settles = ours.map(({ request, resolve, reject }): Settle => {
    const { flowId, kept, change, step } = request;
    const entry = entries.get(nameOf(flowId, kept)) ?? { value: undefined, until: undefined, changed: false };
    entries.set(nameOf(flowId, kept), entry);
    try {
      const changed = change(entry.value === undefined ? undefined : (JSON.parse(entry.value) as unknown));
      const { result } = changed;
      if ('next' in changed) put(entry, kept, changed, usageOf(usages, flowId, kept.kind));
      if (step !== undefined) steps.push({ ...request, step, outcome: JSON.stringify(result) ?? 'null' });
      return () => resolve(result);
    } catch (error) {
      return () => reject(error);
    }
  });
  await writeEntries(transaction, ours, entries);
  if (steps.length > 0) await writeSteps(transaction, steps);
  return settles;
}

function put(entry: Entry, { kind, key }: Kept, { next, until }: ReturnType<KeptChange>, usage: Usage): void {
  const value = next === undefined ? undefined : JSON.stringify(next);
  const limit = LIMITS[kind];
  const bytes = (value?.length ?? 0) - (entry.value?.length ?? 0);
  const count = (value === undefined ? 0 : 1) - (entry.value === undefined ? 0 : 1);
  const refuse = (what: string): never => {
    throw new NodeError('KeptTooMuch', `${JSON.stringify(key.slice(0, 100))} can't be kept: ${what}`);
  };
  if ((value?.length ?? 0) > limit.value) refuse(`it has more than ${limit.value / 1024} KB`);
  if (count > 0 && usage.entries >= limit.entries) refuse(`the workflow keeps ${limit.entries} already`);
  if (bytes > 0 && usage.bytes + bytes > limit.all) refuse(`all that the workflow keeps would be more than ${limit.all / 1024 / 1024} MB`);
  usage.entries += count;
  usage.bytes += bytes;
  entry.value = value;
  entry.until = until;
  entry.changed = true;
}

/** Those whose partition is still ours; it can't be taken before the transaction has ended. */
async function held(transaction: Transaction, batch: readonly Waiting[]): Promise<readonly Waiting[]> {
  const rows = await transaction.query<{ partition: number; token: string }[]>(
    'select partition, token from reservations where partition = any($1::smallint[]) order by partition for share',
    [[...new Set(batch.map(({ request }) => request.partition))]],
  );
  const tokens = new Map(rows.map(({ partition, token }) => [partition, Number(token)]));
  return batch.filter(({ request: { partition, token } }) => tokens.get(partition) === token);
}

async function readEntries(transaction: Transaction, ours: readonly Waiting[]): Promise<Map<string, Entry>> {
  const rows = await transaction.query<{ name: string; value: string; until: string | null }[]>(
    'select name, value, until from flow_values where name = any($1::text[])',
    [[...new Set(ours.map(({ request: { flowId, kept } }) => nameOf(flowId, kept)))]],
  );
  return new Map(
    rows.map(({ name, value, until }) => [name, { value, until: until === null ? undefined : Number(until), changed: false }]),
  );
}

const usageName = (flowId: string, kind: string): string => `${flowId} ${kind}`;

function usageOf(usages: Map<string, Usage>, flowId: string, kind: string): Usage {
  let usage = usages.get(usageName(flowId, kind));
  if (usage === undefined) usages.set(usageName(flowId, kind), (usage = { entries: 0, bytes: 0 }));
  return usage;
}

/** What each workflow keeps. Of one that keeps as many throttles as it may, those are forgotten first that hold back nothing any more. */
async function readUsages(transaction: Transaction, ours: readonly Waiting[]): Promise<Map<string, Usage>> {
  const flows = [...new Set(ours.map(({ request }) => request.flowId))];
  const read = async (): Promise<{ flow_id: string; kind: Kept['kind']; entries: number; bytes: number }[]> =>
    await transaction.query(
      'select flow_id, kind, count(*)::integer as entries, coalesce(sum(length(value)), 0)::integer as bytes from flow_values where flow_id = any($1::text[]) group by flow_id, kind',
      [flows],
    );
  let rows = await read();
  const full = rows.filter(({ kind, entries }) => kind === 'throttle' && entries + ours.length > LIMITS.throttle.entries);
  if (full.length > 0) {
    await transaction.query(`delete from flow_values where flow_id = any($1::text[]) and kind = 'throttle' and until < $2`, [
      full.map(({ flow_id }) => flow_id),
      Date.now(),
    ]);
    rows = await read();
  }
  return new Map(rows.map(({ flow_id, kind, entries, bytes }) => [usageName(flow_id, kind), { entries, bytes }]));
}

async function writeEntries(transaction: Transaction, ours: readonly Waiting[], entries: ReadonlyMap<string, Entry>): Promise<void> {
  const gone: string[] = [];
  const rows = new Map<string, readonly unknown[]>();
  for (const { request } of ours) {
    const name = nameOf(request.flowId, request.kept);
    const entry = entries.get(name);
    if (entry?.changed !== true) continue;
    if (entry.value === undefined) gone.push(name);
    else rows.set(name, [name, request.flowId, request.kept.kind, entry.value, entry.until ?? null]);
  }
  if (gone.length > 0) await transaction.query('delete from flow_values where name = any($1::text[])', [gone]);
  const all = [...rows.keys()].sort().flatMap((name) => [rows.get(name) ?? []]);
  if (all.length === 0) return;
  await transaction.query(
    `insert into flow_values (name, flow_id, kind, value, until)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
     on conflict (name) do update set value = excluded.value, until = excluded.until`,
    [0, 1, 2, 3, 4].map((column) => all.map((row) => row[column])),
  );
}

/** All values of a workflow, by key. */
export async function readKept(database: Transaction, flowId: string): Promise<Record<string, unknown>> {
  const rows = await database.query<{ name: string; value: string }[]>(
    `select name, value from flow_values where flow_id = $1 and kind = 'value' order by name`,
    [flowId],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [(JSON.parse(name) as string[])[2], JSON.parse(value) as unknown]));
}

/** Forgets what workflows kept that are gone. */
export async function forgetKept(database: Transaction, flowIds: readonly string[]): Promise<void> {
  if (flowIds.length > 0) await database.query('delete from flow_values where flow_id = any($1::text[])', [flowIds]);
}
