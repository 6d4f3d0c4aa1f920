import { partitionOf, type WorkflowState } from '#lib/contracts';
import { runsHere } from '#lib/domain';
import { firingAfter, type Schedule, scheduleIssue, scheduleOf } from '#lib/schedule';
import { Heap } from './heap.ts';

/** A firing: of one timer trigger at one instant. */
export interface Firing {
  readonly applicationId: string;
  readonly workflowId: string;
  readonly key: string;
  /** Epoch ms: when it was due, the same whoever fires it. */
  readonly at: number;
}

interface Timer {
  readonly applicationId: string;
  readonly workflowId: string;
  readonly key: string;
  readonly schedule: Schedule;
  /** Epoch ms: where an interval counts from. */
  readonly anchor: number;
}

interface Due {
  readonly at: number;
  readonly timer: Timer;
}

/** A firing that comes later than this was missed, ms: the machine slept. */
const MISSED_MS = 30_000;
/** How long the clock is trusted to run as the wait does, ms: a clock that was set is seen after that. */
const LONGEST_WAIT_MS = 60_000;

/**
 * Fires the timer triggers of the partitions held here. Idle timers cost a place in one heap; the process waits for the earliest alone. An instant depends on
 * nothing but the workflow, so a holder needs to know nothing of the one before it: whether an instant was fired already is decided where it is read.
 */
export class Timers {
  /** Partition → workflow → its timers. */
  readonly #partitions = new Map<number, Map<string, readonly Timer[]>>();
  readonly #held = new Set<number>();
  readonly #heap = new Heap<Due>((a, b) => a.at < b.at);
  /** What each scheduled timer waits for: whatever else the heap has of it is out of date. */
  readonly #due = new Map<Timer, Due>();
  #wait: NodeJS.Timeout | undefined;

  constructor(
    private readonly fire: (firing: Firing) => void,
    private readonly now: () => number = Date.now,
  ) {}

  /** A workflow as it is now; null: gone. */
  apply(applicationId: string, workflowId: string, workflow: WorkflowState | null): void {
    const partition = partitionOf(applicationId);
    let workflows = this.#partitions.get(partition);
    this.#unschedule(workflows?.get(workflowId));
    const timers = workflow === null ? [] : timersOf(workflow, new Date(this.now()));
    if (timers.length === 0) {
      workflows?.delete(workflowId);
      return;
    }
    if (workflows === undefined) this.#partitions.set(partition, (workflows = new Map()));
    workflows.set(workflowId, timers);
    if (this.#held.has(partition)) this.#schedule(timers);
  }

  take(partitions: readonly number[]): void {
    for (const partition of partitions) {
      if (this.#held.has(partition)) continue;
      this.#held.add(partition);
      for (const timers of this.#partitions.get(partition)?.values() ?? []) this.#schedule(timers);
    }
  }

  forget(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.#held.delete(partition);
      for (const timers of this.#partitions.get(partition)?.values() ?? []) this.#unschedule(timers);
    }
  }

  end(): void {
    this.forget([...this.#held]);
    clearTimeout(this.#wait);
  }

  #schedule(timers: readonly Timer[]): void {
    for (const timer of timers) this.#next(timer);
    this.#await();
  }

  #next(timer: Timer): void {
    const at = firingAfter(timer.schedule, timer.anchor, this.now());
    if (at === undefined) return;
    const due = { at, timer };
    this.#due.set(timer, due);
    this.#heap.push(due);
  }

  #unschedule(timers: readonly Timer[] = []): void {
    for (const timer of timers) this.#due.delete(timer);
    if (this.#heap.size > 2 * this.#due.size + 100) this.#heap.fill(this.#due.values());
  }

  #await(): void {
    clearTimeout(this.#wait);
    const first = this.#heap.first;
    if (first === undefined) return;
    this.#wait = setTimeout(() => this.#fireDue(), Math.max(0, Math.min(first.at - this.now(), LONGEST_WAIT_MS)));
  }

  #fireDue(): void {
    const now = this.now();
    for (let due = this.#heap.first; due !== undefined && due.at <= now; due = this.#heap.first) {
      this.#heap.pop();
      const { timer, at } = due;
      if (this.#due.get(timer) !== due) continue;
      this.#due.delete(timer);
      const { applicationId, workflowId, key } = timer;
      if (now - at <= MISSED_MS) this.fire({ applicationId, workflowId, key, at });
      this.#next(timer);
    }
    this.#await();
  }
}

/** The timers of a workflow that is on. One that says nothing, or what was stored before it was checked, never fires. */
function timersOf({ id, applicationId, enabled, flowClass, triggers, creationDate }: WorkflowState, now: Date): Timer[] {
  if (!enabled || !runsHere({ flowClass })) return [];
  return triggers.flatMap((trigger) => {
    if (trigger.type !== 'timer' || trigger.key === undefined) return [];
    const schedule = scheduleOf(trigger);
    if (schedule === undefined || scheduleIssue(schedule, now) !== undefined) return [];
    return [{ applicationId, workflowId: id, key: trigger.key, schedule, anchor: Date.parse(creationDate) }];
  });
}
