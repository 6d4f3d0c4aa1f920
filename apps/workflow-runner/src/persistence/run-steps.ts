import type { Position } from '#lib/messaging';
import type { Transaction } from '#lib/partitions';
import { persist, type KeepTrying } from '../dead-letters.ts';

/** A step of a run with its outcome: JSON, so that text which PostgreSQL can't hold is escaped. */
export interface RunStep {
  readonly partition: number;
  readonly token: number;
  readonly position: Position;
  readonly step: string;
  readonly outcome: string;
}

/** Table `run_steps`: what of open runs a later attempt must not do again. Rows go with those of `open_runs`, when the position has passed them. */
export async function readSteps(transaction: Transaction, partitions: readonly number[]): Promise<Omit<RunStep, 'token'>[]> {
  const rows = await transaction.query<{ partition: number; position: string; step: string; outcome: string }[]>(
    'select partition, position, step, outcome from run_steps where partition = any($1::smallint[])',
    [partitions],
  );
  return rows.map((row) => ({ ...row, position: Number(row.position) }));
}

/** Writes steps of partitions that are still ours. */
export async function writeSteps(database: Transaction, steps: readonly RunStep[]): Promise<void> {
  await database.query(
    `insert into run_steps (partition, position, step, outcome)
       select step.partition, step.position, step.name, step.outcome
       from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[]) as step (partition, token, position, name, outcome)
       join reservations on reservations.partition = step.partition and reservations.token = step.token
     on conflict do nothing`,
    [
      steps.map(({ partition }) => partition),
      steps.map(({ token }) => token),
      steps.map(({ position }) => position),
      steps.map(({ step }) => step),
      steps.map(({ outcome }) => outcome),
    ],
  );
}

/** Writes steps, those that come together in one statement, and tries until that is done. */
export class StepWriter {
  #waiting: { readonly steps: readonly RunStep[]; readonly written: () => void }[] = [];
  #writing = false;

  constructor(
    private readonly database: Transaction,
    private readonly keepTrying: KeepTrying,
  ) {}

  /** Resolves once they are committed; never, when the service ends before. */
  write(steps: readonly RunStep[]): Promise<void> {
    return new Promise((written) => {
      this.#waiting.push({ steps, written });
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0 && !this.keepTrying.signal.aborted) {
      const batch = this.#waiting;
      this.#waiting = [];
      await persist(this.keepTrying, () =>
        writeSteps(
          this.database,
          batch.flatMap(({ steps }) => steps),
        ),
      );
      if (!this.keepTrying.signal.aborted) for (const { written } of batch) written();
    }
    this.#writing = false;
  }
}
