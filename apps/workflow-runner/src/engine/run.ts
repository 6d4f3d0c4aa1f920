import type { CompiledNode } from './compile.ts';
import { NodeError, runErrorOf, type RunError } from './errors.ts';
import type { Outcome, Ports, RunInfo, Step } from './node.ts';
import type { PayloadSize } from './size.ts';

/** How long a run may take, ms, and how many nodes it may visit beyond loops (WORKFLOWS.md). */
export const RUN_MS = 60_000;
export const MAX_VISITS = 1_000;

export interface RunResult {
  readonly status: 'succeeded' | 'failed';
  readonly error?: RunError;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
}

class Visit implements Step {
  constructor(
    private readonly owner: Run,
    readonly node: CompiledNode,
    readonly payload: unknown,
    readonly size: PayloadSize,
    /** Where this path stands in the run's fan-outs: the same in every attempt, however the paths interleave. */
    readonly path: string,
  ) {}
  get run(): RunInfo {
    return this.owner.info;
  }
  get ports(): Ports {
    return this.owner.ports;
  }
  get over(): boolean {
    return this.owner.over;
  }
  get outputId(): string {
    return `${this.owner.info.id}:${this.node.id}:${this.path}`;
  }
}

/** Walks the paths of one run. Ends by itself; the result comes through `done`, once. */
class Run {
  over = false;
  private readonly startedAt: number;
  /** Visits to make, the next one last. */
  private readonly stack: Visit[] = [];
  private waiting = 0;
  private visits = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly info: RunInfo,
    readonly ports: Ports,
    private readonly done: (result: RunResult) => void,
  ) {
    this.startedAt = ports.now();
  }

  start(nodes: readonly CompiledNode[], payload: unknown, size: PayloadSize): void {
    try {
      size.check(payload);
    } catch (error) {
      return this.fail(error);
    }
    this.fan(nodes, payload, size, '0');
    this.go();
  }

  /** Each target gets the payload as it stands. They share it: nobody changes a payload in place. */
  private fan(targets: readonly CompiledNode[], payload: unknown, size: PayloadSize, path: string): void {
    const [only] = targets;
    if (only !== undefined && targets.length === 1) this.stack.push(new Visit(this, only, payload, size, path));
    else
      for (let i = targets.length - 1; i >= 0; i--) {
        const target = targets[i];
        if (target !== undefined) this.stack.push(new Visit(this, target, payload, size.copy(), `${path}.${i}`));
      }
  }

  /** Runs paths in list order until each ends or waits. */
  private go(): void {
    let visit: Visit | undefined;
    while (!this.over && (visit = this.stack.pop()) !== undefined) {
      const current = visit;
      try {
        if (++this.visits > MAX_VISITS) throw new NodeError('TooManyNodes', `the run visits more than ${MAX_VISITS} nodes`);
        const outcome = current.node.action(current);
        if (outcome instanceof Promise) this.wait(current, outcome);
        else this.follow(current, outcome);
      } catch (error) {
        this.fail(error, current.node);
      }
    }
    if (!this.over && this.waiting === 0) this.end('succeeded');
  }

  private follow(visit: Visit, { payload, output }: Outcome): void {
    const targets = visit.node.outputs[output];
    if (targets !== undefined && targets.length > 0) this.fan(targets, payload, visit.size, visit.path);
  }

  private wait(visit: Visit, outcome: Promise<Outcome>): void {
    this.waiting++;
    // Most runs that wait take milliseconds; timers of one duration share a list, so one more costs next to nothing.
    this.timer ??= setTimeout(
      () => this.fail(new NodeError('WorkflowTimeout', `the run took longer than ${RUN_MS / 1000} s`)),
      RUN_MS - (this.ports.record?.spent ?? 0),
    );
    outcome.then(
      (result) => {
        this.waiting--;
        if (this.over) return;
        this.follow(visit, result);
        this.go();
      },
      (error: unknown) => {
        this.waiting--;
        this.fail(error, visit.node);
      },
    );
  }

  /** Halts every path. */
  private fail(error: unknown, node?: CompiledNode): void {
    if (!this.over) this.end('failed', runErrorOf(error, node));
  }

  private end(status: RunResult['status'], error?: RunError): void {
    this.over = true;
    clearTimeout(this.timer);
    const times = { startedAt: this.startedAt, endedAt: this.ports.now() };
    this.done(error === undefined ? { status, ...times } : { status, error, ...times });
  }
}

/**
 * Runs the nodes that a trigger starts, and what follows from them. `done` is called once: before this returns when no path waits.
 */
export function run(
  info: RunInfo,
  nodes: readonly CompiledNode[],
  payload: unknown,
  size: PayloadSize,
  ports: Ports,
  done: (result: RunResult) => void,
): void {
  new Run(info, ports, done).start(nodes, payload, size);
}
