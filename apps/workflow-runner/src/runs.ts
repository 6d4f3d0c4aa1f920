import type { ConfigFollower, Fence, Position, StoredTriggered } from '#lib/messaging';
import type { Batch, HeldPartition, Item, Poison, Transaction } from '#lib/partitions';
import { startRun, type Ports, type Runnable, type RunResult } from './engine/index.ts';
import type { FailedRun, Told } from './flow-errors.ts';
import type { RunActivity } from './activity.ts';
import type { Catalog } from './catalog.ts';
import { PartitionRuns } from './partition-runs.ts';
import { AttemptRecord } from './run-record.ts';
import { countedAs, countedPoison } from './counted.ts';
import { addRuns, type CountedRun } from './persistence/run-counts.ts';
import { runJournal, type OpenRun, type PartitionToken } from './persistence/run-journal.ts';
import type { KeptValues } from './persistence/kept-values.ts';
import type { StepWriter } from './persistence/run-steps.ts';
import type { Restarts } from './restarts.ts';
import type { Scheduler, Task } from './scheduler.ts';

/** How often a run may be interrupted: it restarts after the first four, and is a dead letter after the fifth. */
export const MAX_ATTEMPTS = 5;
/** A reservation reaches this far beyond what was seen last, and is renewed when half of it is used: positions of the whole stream. */
const RESERVE_AHEAD = 2_000;

/** How long one wait for the configuration lasts, ms, and how many follow: after a restore its sequences may never come so far. */
const CONFIGURATION_WAIT_MS = 10_000;
const CONFIGURATION_WAITS = 3;

/** What a finished message leaves to be committed; undefined: nothing, it was counted by an earlier holder. */
export type Effect = CountedRun | undefined;

export interface RunsOptions {
  readonly catalog: Catalog;
  readonly follower: Pick<ConfigFollower, 'sequence' | 'reached'>;
  readonly ports: Ports;
  readonly activity: RunActivity;
  readonly scheduler: Scheduler;
  readonly restarts: Restarts;
  readonly steps: Pick<StepWriter, 'write'>;
  readonly values: Pick<KeptValues, 'change'>;
  /** All values that a workflow keeps. */
  readonly keptBy: (flowId: string) => Promise<Record<string, unknown>>;
  /** Runs in one transaction. */
  readonly transact: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
  /** Writes the fence of a partition that was taken into INBOUND, which is where errors are told. */
  readonly writeFence: (partition: number, token: number) => Promise<Fence>;
  readonly tellError: (run: FailedRun, fence: Fence) => Promise<Told>;
  readonly streamEnd: () => Promise<{ end: Position; created: string }>;
  readonly requestCommit: (partition: number) => void;
  /** Puts a run that was interrupted too often, an error that couldn't be told, or a message that can't be read, where people find it. */
  readonly bury: {
    run(event: StoredTriggered, message: string): Promise<boolean>;
    error(run: FailedRun): Promise<boolean>;
    poison(poison: Poison): Promise<boolean>;
  };
  readonly onError: (error: unknown) => void;
}

/** Turns stored `WorkflowTriggered` into runs, and what comes of them into what is committed. The callbacks of a partition reader. */
export class Runs {
  readonly #partitions = new Map<number, PartitionRuns>();
  /** The highest position seen: the stream is one for all partitions, so reservations follow it together. */
  #seen: Position = 0;
  #proposed: Position = 0;
  /** Delivered before the configuration it was decided at has been applied here, in order. */
  readonly #early: { readonly decidedAt: number; readonly take: () => void }[] = [];
  #ended = false;

  constructor(private readonly options: RunsOptions) {}

  async prepare(held: readonly HeldPartition[]): Promise<void> {
    const { end, created } = await this.options.streamEnd();
    this.#seen = Math.max(this.#seen, end);
    const fences = await Promise.all(held.map(({ partition, token }) => this.options.writeFence(partition, token)));
    const fenceOf = new Map(held.map(({ partition }, index) => [partition, fences[index]]));
    const reserve = this.#seen + RESERVE_AHEAD;
    const { partitions, open, steps } = await this.options.transact((transaction) => runJournal.take(transaction, held, reserve, created));
    const committed = new Map(held.map((one) => [one.partition, one.committed]));
    for (const { partition, token, startedThrough } of partitions) {
      const fence = fenceOf.get(partition);
      if (fence === undefined) continue;
      const known = new Map<Position, OpenRun>();
      for (const run of open) if (run.partition === partition) known.set(run.position, run);
      const outcomes = new Map<Position, Map<string, string>>();
      for (const step of steps) if (step.partition === partition) getOrMake(outcomes, step.position).set(step.step, step.outcome);
      // What is stored from here on was started by nobody, however far the holder before us had reserved.
      const interruptible = Math.min(startedThrough, end);
      const runs = new PartitionRuns(
        token,
        fence,
        committed.get(partition) ?? 0,
        interruptible,
        reserve,
        known,
        outcomes,
        this.options.ports.now(),
      );
      this.#partitions.set(partition, runs);
    }
  }

  readonly onMessage = (event: StoredTriggered, item: Item<Effect>): void => {
    const runs = this.#partitions.get(item.partition);
    if (runs === undefined) return;
    const { decidedAt } = event;
    if (this.#early.length === 0 && this.options.follower.sequence >= decidedAt) return this.#take(runs, event, item);
    const take = (): void => {
      if (this.#partitions.get(item.partition) === runs) this.#take(runs, event, item);
    };
    this.#early.push({ decidedAt, take });
    if (this.#early.length === 1) void this.#takeEarly();
  };

  readonly onPoison = (poison: Poison, item: Item<Effect>): void => {
    this.#buried(this.options.bury.poison(poison), item, countedPoison(poison));
  };

  /** Takes what was delivered too early, in order, as the configuration comes so far. */
  async #takeEarly(): Promise<void> {
    for (let next = this.#early[0]; next !== undefined && !this.#ended; next = this.#early[0]) {
      if (this.options.follower.sequence < next.decidedAt) await this.#awaitConfiguration(next.decidedAt);
      this.#early.shift();
      next.take();
    }
  }

  async #awaitConfiguration(sequence: number): Promise<void> {
    for (let left = CONFIGURATION_WAITS; left > 0 && !this.#ended; left--) {
      try {
        return await this.options.follower.reached(sequence, CONFIGURATION_WAIT_MS);
      } catch (error) {
        this.options.onError(error);
      }
    }
  }

  #take(runs: PartitionRuns, event: StoredTriggered, item: Item<Effect>): void {
    const { partition, position } = item;
    this.#seen = Math.max(this.#seen, position);
    if (runs.isDone(position)) return item.done(undefined);
    const attempt = runs.attempt(position);
    if (attempt > MAX_ATTEMPTS) return this.#bury(event, item);
    const { scheduler, restarts } = this.options;
    const task: RunTask = {
      partition,
      source: event.inbound.sourceId,
      ready: attempt === 1 && position <= runs.reserved,
      start: () => {
        runs.started = Math.max(runs.started, position);
        this.#run(runs, event, item, attempt, task);
      },
      over: undefined,
    };
    if (attempt > 1) {
      runs.journaled = Math.max(runs.journaled, position);
      const ended = new Promise<void>((resolve) => (task.over = resolve));
      restarts.add({ partition, token: runs.token, position, attempt, rested: runs.rested(position), task, over: ended });
    } else if (!task.ready) {
      runs.beyond.push({ position, task });
      this.options.requestCommit(partition);
    }
    scheduler.offer(task);
  }

  #run(runs: PartitionRuns, event: StoredTriggered, item: Item<Effect>, attempt: number, task: RunTask): void {
    const { catalog, ports, activity, scheduler } = this.options;
    const runnable = catalog.runnable(event.applicationId, event.workflowId);
    const record = runnable?.workflow.recorded === true ? this.#record(runs, item, task, event.workflowId) : undefined;
    const end = (result: RunResult, ours: boolean): void => {
      if (ours && (record === undefined || runs.records.delete(record))) {
        item.done(countedAs(event, result.status, attempt));
        activity.ended(event, result, attempt);
      }
      task.over?.();
      if (record?.resting !== true) scheduler.finished(task);
    };
    startRun(event, runnable, record?.ports ?? ports, (result) => {
      record?.close();
      if (result.status === 'succeeded' || !this.#isHeard(event, runnable)) return end(result, true);
      const { flowClass } = runnable.workflow.state;
      void this.#tell(runs, { event, flowClass, result, attempt }).then((told) => end(result, told));
    });
  }

  /** Errors of a run that an error started are heard by nobody: they could go round for ever. */
  #isHeard({ triggerType }: StoredTriggered, runnable: Runnable | undefined): runnable is Runnable {
    return triggerType !== 'flowError' && runnable !== undefined && this.options.catalog.errorsHeard(runnable.workflow.state);
  }

  /** Whether this process may go on and count the run. */
  async #tell(runs: PartitionRuns, failed: FailedRun): Promise<boolean> {
    try {
      const told = await this.options.tellError(failed, runs.fence);
      return told === 'lost' ? await this.options.bury.error(failed) : told === 'told';
    } catch (error) {
      this.options.onError(error);
      return false;
    }
  }

  /** While a run waits in a delay it takes no place, and holds up neither others nor restarts. */
  #record(runs: PartitionRuns, item: Item<Effect>, task: RunTask, flowId: string): AttemptRecord {
    const { ports, scheduler, steps, values, keptBy } = this.options;
    const { partition, position } = item;
    const record = new AttemptRecord({
      ports,
      known: runs.stepsOf(position),
      write: (written) => {
        runs.journaled = Math.max(runs.journaled, position);
        return steps.write(written.map(([step, outcome]) => ({ partition, token: runs.token, position, step, outcome })));
      },
      change: (step, kept, change) => {
        runs.journaled = Math.max(runs.journaled, position);
        return values.change({ partition, token: runs.token, position, flowId, step, kept, change });
      },
      kept: () => keptBy(flowId),
      onRest: (resting) => {
        item.rest(resting);
        if (!resting) return scheduler.wake(task);
        task.over?.();
        scheduler.finished(task);
      },
    });
    runs.records.add(record);
    return record;
  }

  #bury(event: StoredTriggered, item: Item<Effect>): void {
    const message = `the run was interrupted ${MAX_ATTEMPTS} times by the end of its process`;
    this.#buried(this.options.bury.run(event, message), item, countedAs(event, 'deadLettered', MAX_ATTEMPTS));
  }

  #buried(burying: Promise<boolean>, item: Item<Effect>, counted: CountedRun): void {
    burying.then((stored) => {
      if (stored) item.done(counted);
    }, this.options.onError);
  }

  readonly apply = async (transaction: Transaction, batches: readonly Batch<Effect>[]): Promise<void> => {
    const counted = batches.flatMap(({ completed }) => completed.flatMap(({ effect }) => effect ?? []));
    await addRuns(transaction, counted);
    const ahead = batches.flatMap(({ partition, through, completed }) =>
      completed.flatMap(({ position }) => (position > through ? [{ partition, position }] : [])),
    );
    await runJournal.done(transaction, ahead);
    for (const { partition, position } of ahead) this.#journaled(partition, position);
    await runJournal.passed(
      transaction,
      batches.filter(({ partition, from, through }) => through > from && (this.#partitions.get(partition)?.journaled ?? 0) > from),
    );
    await this.#reserve(transaction);
  };

  #journaled(partition: number, position: Position): void {
    const runs = this.#partitions.get(partition);
    if (runs !== undefined) runs.journaled = Math.max(runs.journaled, position);
  }

  async #reserve(transaction: Transaction): Promise<void> {
    this.#proposed = 0;
    const held: PartitionToken[] = [];
    let low = false;
    for (const [partition, { token, reserved }] of this.#partitions) {
      held.push({ partition, token });
      low ||= reserved < this.#seen + RESERVE_AHEAD / 2;
    }
    if (!low) return;
    const proposed = this.#seen + RESERVE_AHEAD;
    await runJournal.reserve(transaction, held, proposed);
    this.#proposed = proposed;
  }

  readonly onCommitted = (): void => {
    const { scheduler } = this.options;
    if (this.#proposed === 0) return;
    for (const runs of this.#partitions.values()) scheduler.clear(runs.raise(this.#proposed));
  };

  /** Nothing more of these partitions is started. */
  forget(partitions: readonly number[]): void {
    for (const partition of partitions) {
      for (const record of this.#partitions.get(partition)?.records ?? []) record.close();
      this.#partitions.get(partition)?.records.clear();
      this.#partitions.delete(partition);
      for (const task of this.options.scheduler.drop(partition)) (task as RunTask).over?.();
    }
  }

  /** After their last commit: gives back what was reserved in vain, and forgets them. */
  async give(partitions: readonly number[]): Promise<void> {
    const given = partitions.flatMap((partition) => {
      const runs = this.#partitions.get(partition);
      return runs === undefined ? [] : [{ partition, token: runs.token, started: runs.started }];
    });
    this.forget(partitions);
    if (given.length > 0) await this.options.transact((transaction) => runJournal.lower(transaction, given));
  }

  end(): void {
    this.#ended = true;
  }
}

function getOrMake(all: Map<Position, Map<string, string>>, position: Position): Map<string, string> {
  let one = all.get(position);
  if (one === undefined) all.set(position, (one = new Map()));
  return one;
}

interface RunTask extends Task {
  /** Told of a restart that has ended, or will never start. */
  over: (() => void) | undefined;
}
