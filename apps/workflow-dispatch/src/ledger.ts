import { type Ledger, RUN_COUNTS_SUBJECT, RunCountsReply, type RunCountsRequest } from '#lib/contracts';
import type { Bus } from '#lib/messaging';
import type { Catalog } from './catalog.ts';
import {
  type Database,
  type MessageCounts,
  readApplicationCounts,
  readGaps,
  readMessageCounts,
  sumOf,
} from './persistence/ledger-reader.ts';

/** The runner did not answer for the runs: the ledger can't be told now. */
export class RunsUnknownError extends Error {
  readonly code = 'runsUnknown';
  constructor(options?: { cause?: unknown }) {
    super('The workflow runner does not answer for its runs just now: try again.', options);
    this.name = 'RunsUnknownError';
  }
}

export interface LedgerSources {
  readonly bus: Pick<Bus, 'request' | 'lastInbound'>;
  readonly database: Database;
  readonly catalog: Catalog;
}

const RUNS_WITHIN_MS = 3_000;
/** Integrations whose newest stored message is looked up at the same time. */
const AT_ONCE = 32;

type Runs = Exclude<RunCountsReply, { error: string }>;

async function runsOf(bus: LedgerSources['bus'], request: RunCountsRequest): Promise<Runs> {
  let reply: RunCountsReply;
  try {
    const body = await bus.request(RUN_COUNTS_SUBJECT, Buffer.from(JSON.stringify(request)), RUNS_WITHIN_MS);
    reply = RunCountsReply.parse(JSON.parse(Buffer.from(body).toString()));
  } catch (cause) {
    throw new RunsUnknownError({ cause });
  }
  if ('error' in reply) throw new RunsUnknownError();
  return reply;
}

/** Puts the parts together, without the duplicates, which have numbers, so that received = dispatched + unmatched + rejectedByQuota + disabled + deadLettered + inFlight + unexplained. */
export function ledgerOf(counts: MessageCounts, waiting: number, runs: Runs, gaps: Ledger['beside']['gaps']): Ledger {
  const { restarted, ...ended } = runs;
  const { dispatched, unmatched, rejectedByQuota, disabled, deadLettered, duplicates, missing, repeated } = counts;
  const over = runs.succeeded + runs.failed + runs.deadLettered;
  const triggered = Math.max(counts.triggered, over);
  return {
    received: counts.lastNumber + counts.replayed + waiting + repeated - duplicates,
    dispatched,
    unmatched,
    rejectedByQuota,
    disabled,
    deadLettered,
    inFlight: waiting,
    unexplained: missing + repeated,
    beside: { redelivered: counts.redelivered, restarted, oversize: counts.oversize, gaps },
    runs: { triggered, ...ended, inFlight: triggered - over },
  };
}

/** The ledger of one integration. Runs may be over before the message that started them is committed: they count as triggered. */
export async function integrationLedger(sources: LedgerSources, applicationId: string, integrationId: string): Promise<Ledger> {
  const { bus, database } = sources;
  const newest = await bus.lastInbound(applicationId, integrationId);
  const runs = await runsOf(bus, { applicationId, integrationId });
  const [counts, gaps] = await Promise.all([
    readMessageCounts(database, applicationId, integrationId),
    readGaps(database, applicationId, integrationId),
  ]);
  const waiting = Math.max(0, (newest?.number ?? 0) - counts.lastNumber);
  return { integrationId, ...ledgerOf(counts, waiting, runs, gaps) };
}

/** The sums over an application's integrations. */
export async function applicationLedger(sources: LedgerSources, applicationId: string): Promise<Ledger> {
  const { bus, database, catalog } = sources;
  const newest = new Map<string, number>();
  const left = catalog.integrationsOf(applicationId);
  const next = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) newest.set(id, (await bus.lastInbound(applicationId, id))?.number ?? 0);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  const runs = await runsOf(bus, { applicationId });
  const [each, gaps] = await Promise.all([readApplicationCounts(database, applicationId), readGaps(database, applicationId)]);
  let waiting = 0;
  for (const [id, number] of newest) waiting += Math.max(0, number - (each.get(id)?.lastNumber ?? 0));
  return ledgerOf(sumOf(each.values()), waiting, runs, gaps);
}
