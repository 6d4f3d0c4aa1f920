import type { RunCountsReply, RunCountsRequest } from '#lib/contracts';
import type { Transaction } from '#lib/partitions';

/** What started a run: an integration's message, another event of an integration (connect, …), or the press of a workflow's button. */
export type RunKind = 'message' | 'event' | 'press';
export type RunOutcome = 'succeeded' | 'failed' | 'deadLettered';

export interface CountedRun {
  readonly applicationId: string;
  /** Integration, or for a press the workflow. */
  readonly sourceId: string;
  readonly kind: RunKind;
  readonly outcome: RunOutcome;
  /** How often it was started again after an interruption. */
  readonly restarts: number;
}

interface Row extends Record<RunOutcome, number> {
  readonly applicationId: string;
  readonly sourceId: string;
  readonly kind: RunKind;
  restarted: number;
}

/** Adds runs to the ledger. */
export async function addRuns(transaction: Transaction, runs: Iterable<CountedRun>): Promise<void> {
  const rows = new Map<string, Row>();
  for (const { applicationId, sourceId, kind, outcome, restarts } of runs) {
    const key = `${applicationId} ${sourceId} ${kind}`;
    let row = rows.get(key);
    if (row === undefined) rows.set(key, (row = { applicationId, sourceId, kind, succeeded: 0, failed: 0, deadLettered: 0, restarted: 0 }));
    row[outcome]++;
    row.restarted += restarts;
  }
  if (rows.size === 0) return;
  // In one order, so that two replicas which count for one application can't block each other.
  const all = [...rows.keys()].sort().flatMap((key) => rows.get(key) ?? []);
  await transaction.query(
    `insert into run_counts (application_id, source_id, kind, succeeded, failed, dead_lettered, restarted)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     on conflict (application_id, source_id, kind) do update set
       succeeded = run_counts.succeeded + excluded.succeeded,
       failed = run_counts.failed + excluded.failed,
       dead_lettered = run_counts.dead_lettered + excluded.dead_lettered,
       restarted = run_counts.restarted + excluded.restarted`,
    [
      all.map((row) => row.applicationId),
      all.map((row) => row.sourceId),
      all.map((row) => row.kind),
      all.map((row) => row.succeeded),
      all.map((row) => row.failed),
      all.map((row) => row.deadLettered),
      all.map((row) => row.restarted),
    ],
  );
}

/** How the runs ended that messages started, as committed. */
export async function readRunCounts(database: Transaction, { applicationId, integrationId }: RunCountsRequest): Promise<RunCountsReply> {
  const [row] = await database.query<{ succeeded: string; failed: string; dead_lettered: string; restarted: string }[]>(
    `select coalesce(sum(succeeded), 0) as succeeded, coalesce(sum(failed), 0) as failed, coalesce(sum(dead_lettered), 0) as dead_lettered, coalesce(sum(restarted), 0) as restarted
     from run_counts where application_id = $1 and kind = 'message' and ($2::text is null or source_id = $2)`,
    [applicationId, integrationId ?? null],
  );
  return {
    succeeded: Number(row?.succeeded ?? 0),
    failed: Number(row?.failed ?? 0),
    deadLettered: Number(row?.dead_lettered ?? 0),
    restarted: Number(row?.restarted ?? 0),
  };
}
