import type { CompiledNode } from './compile.ts';
import { NodeError, runErrorOf, type RunError } from './errors.ts';
import type { Ports, RunInfo } from './node.ts';
import { Pace } from './pace.ts';
import type { PayloadSize } from './size.ts';
import { Walk, type Walking } from './walk.ts';

/** How long a run may take, ms. */
export const RUN_MS = 60_000;

export interface RunResult {
  readonly status: 'succeeded' | 'failed';
  readonly error?: RunError;
  /** Of a run that failed: as it was where that happened. */
  readonly payload?: unknown;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** One run. Ends by itself; the result comes through `done`, once. */
class Run implements Walking {
  over = false;
  readonly pace = new Pace();
  private readonly startedAt: number;
  private timer: NodeJS.Timeout | undefined;
  /** What it started with. */
  private payload: unknown;

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
      return this.end(runErrorOf(error), payload);
    }
    this.payload = payload;
    const walk = new Walk(this, this, undefined, (failure) =>
      failure === undefined ? this.end(undefined) : this.end(runErrorOf(failure.reason, failure.node), failure.payload),
    );
    walk.start(nodes, payload, size, '0');
  }

  startClock(): void {
    // Most runs that wait take milliseconds; timers of one duration share a list, so one more costs next to nothing.
    this.timer ??= setTimeout(
      () => this.end(runErrorOf(new NodeError('WorkflowTimeout', `the run took longer than ${RUN_MS / 1000} s`)), this.payload),
      RUN_MS - (this.ports.record?.spent ?? 0),
    );
  }

  private end(error: RunError | undefined, payload?: unknown): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    const times = { startedAt: this.startedAt, endedAt: this.ports.now() };
    this.done(error === undefined ? { status: 'succeeded', ...times } : { status: 'failed', error, payload, ...times });
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
