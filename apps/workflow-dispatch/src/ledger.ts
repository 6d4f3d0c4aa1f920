import { type Ledger, RUN_COUNTS_SUBJECT, RunCountsReply, type RunCountsRequest } from '#lib/contracts';
import type { Bus } from '#lib/messaging';
import type { Catalog } from './catalog.ts';
import { type Database, type MessageCounts, readGaps, readMessageCounts } from './persistence/ledger-reader.ts';

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

/** Messages that are stored and not committed yet, of one integration: its newest stored number against the newest committed one. */
async function uncommitted({ bus, database }: LedgerSources, applicationId: string, integrationId: string): Promise<number> {
  const [newest, { lastNumber }] = await Promise.all([
    bus.lastInbound(applicationId, integrationId),
    readMessageCounts(database, applicationId, integrationId),
  ]);
  return Math.max(0, (newest?.number ?? 0) - lastNumber);
}

/** Puts the parts together so that received = dispatched + unmatched + rejectedByQuota + disabled + deadLettered + inFlight + unexplained. */
export function ledgerOf(counts: MessageCounts, waiting: number, runs: Runs, gaps: Ledger['beside']['gaps']): Ledger {
  const { dispatched, unmatched, rejectedByQuota, disabled, deadLettered, missing, repeated, triggered } = counts;
  return {
    received: counts.lastNumber + counts.replayed + waiting + repeated,
    dispatched,
    unmatched,
    rejectedByQuota,
    disabled,
    deadLettered,
    inFlight: waiting,
    unexplained: missing + repeated,
    beside: { redelivered: counts.redelivered, oversize: counts.oversize, gaps },
    runs: { triggered, ...runs, inFlight: triggered - runs.succeeded - runs.failed - runs.deadLettered },
  };
}

/** The ledger of one integration. Runs are asked for before the triggers are counted, so that `runs.inFlight` is never negative. */
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
  const left = catalog.integrationsOf(applicationId);
  let waiting = 0;
  const next = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) waiting += await uncommitted(sources, applicationId, id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  const runs = await runsOf(bus, { applicationId });
  const [counts, gaps] = await Promise.all([readMessageCounts(database, applicationId), readGaps(database, applicationId)]);
  return ledgerOf(counts, waiting, runs, gaps);
}
