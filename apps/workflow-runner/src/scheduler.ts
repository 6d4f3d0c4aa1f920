/** Runs at once: of one source, of one partition (an application shares one with others), of this replica. */
export interface RunLimits {
  readonly source: number;
  readonly partition: number;
  readonly total: number;
}
export const RUN_LIMITS: RunLimits = { source: 64, partition: 128, total: 512 };

/** A run that waits for its turn. */
export interface Task {
  readonly partition: number;
  /** Where its message came from: runs of one source start in order. */
  readonly source: string;
  /** False: it may not start yet, nor what comes after it from its source. Made true through {@link Scheduler.clear}. */
  ready: boolean;
  /** Called once, when its turn has come; `finished` may be called before it returns. */
  start(): void;
}

interface Lane {
  running: number;
  /** Runs of each source that has any. */
  readonly sources: Map<string, number>;
  /** Tasks that wait, by source; the source whose turn is next stands first. */
  readonly waiting: Map<string, Task[]>;
}

/** Starts runs in order within a source and concurrently across sources, within bounds. How many wait is bounded by the reader that offers them. */
export class Scheduler {
  readonly #lanes = new Map<number, Lane>();
  #running = 0;
  #waiting = 0;
  #pumping = false;

  constructor(private readonly limits = RUN_LIMITS) {}

  get running(): number {
    return this.#running;
  }

  offer(task: Task): void {
    const lane = this.#lane(task.partition);
    const queue = lane.waiting.get(task.source);
    if (queue === undefined && task.ready && this.#hasRoom(lane, task.source)) return this.#start(lane, task);
    this.#waiting++;
    if (queue === undefined) lane.waiting.set(task.source, [task]);
    else queue.push(task);
  }

  /** What kept it from starting is done. */
  clear(tasks: readonly Task[]): void {
    for (const task of tasks) task.ready = true;
    this.#pump();
  }

  /** A run that gave its place up with `finished` goes on: at once, whatever runs by now, as what is begun must be able to end. */
  wake({ partition, source }: Task): void {
    this.#count(this.#lane(partition), source);
  }

  /** A run of this task's source has ended, or rests. */
  finished({ partition, source }: Task): void {
    const lane = this.#lane(partition);
    const left = (lane.sources.get(source) ?? 1) - 1;
    if (left === 0) lane.sources.delete(source);
    else lane.sources.set(source, left);
    lane.running--;
    this.#running--;
    this.#pump();
  }

  /** Forgets what waits of a partition, and returns it. What runs goes on. */
  drop(partition: number): Task[] {
    const lane = this.#lane(partition);
    const dropped = [...lane.waiting.values()].flat();
    lane.waiting.clear();
    this.#waiting -= dropped.length;
    return dropped;
  }

  #lane(partition: number): Lane {
    let lane = this.#lanes.get(partition);
    if (lane === undefined) this.#lanes.set(partition, (lane = { running: 0, sources: new Map(), waiting: new Map() }));
    return lane;
  }

  #hasRoom(lane: Lane, source: string): boolean {
    const { limits } = this;
    return this.#running < limits.total && lane.running < limits.partition && (lane.sources.get(source) ?? 0) < limits.source;
  }

  #start(lane: Lane, task: Task): void {
    this.#count(lane, task.source);
    task.start();
  }

  #count(lane: Lane, source: string): void {
    this.#running++;
    lane.running++;
    lane.sources.set(source, (lane.sources.get(source) ?? 0) + 1);
  }

  /** Starts whatever may start; partitions take turns, and in each its sources. */
  #pump(): void {
    if (this.#pumping || this.#waiting === 0) return;
    this.#pumping = true;
    let started = true;
    while (started) {
      started = false;
      for (const [partition, lane] of this.#lanes) {
        if (lane.waiting.size === 0 || !this.#startNext(lane)) continue;
        started = true;
        this.#lanes.delete(partition); // to the end of the round
        this.#lanes.set(partition, lane);
      }
    }
    this.#pumping = false;
  }

  #startNext(lane: Lane): boolean {
    for (const [source, queue] of lane.waiting) {
      const task = queue[0];
      if (task?.ready !== true || !this.#hasRoom(lane, source)) continue;
      queue.shift();
      this.#waiting--;
      lane.waiting.delete(source);
      if (queue.length > 0) lane.waiting.set(source, queue);
      this.#start(lane, task);
      return true;
    }
    return false;
  }
}
