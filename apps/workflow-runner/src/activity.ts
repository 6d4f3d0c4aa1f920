import type { Activity, TriggeredEvent } from '#lib/contracts';
import type { Bus } from '#lib/messaging';
import type { DebugEntry, RunResult } from './engine/index.ts';
import { MAX_SHOWN, OMITTED, shown } from './shown.ts';

/** Shown of a workflow in a second, at most: successful runs, and Debug entries. Every failed and every restarted run is shown. */
const RUNS_A_SECOND = 5;
const DEBUG_A_SECOND = 20;

/** Counts per key and second. Holds the keys of one second only. */
class PerSecond {
  readonly #counts = new Map<string, number>();
  #second = 0;

  constructor(private readonly limit: number) {}

  /** Whether one more is within the limit. */
  take(key: string, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#counts.clear();
    }
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= this.limit;
  }
}

/** Tells viewers about runs, as much as they can look at: the message path must not pay for more. */
export class RunActivity {
  readonly #runs = new PerSecond(RUNS_A_SECOND);
  readonly #debug = new PerSecond(DEBUG_A_SECOND);

  constructor(private readonly bus: Pick<Bus, 'publishActivity'>) {}

  ended(event: TriggeredEvent, result: RunResult, attempt: number): void {
    const { status, error, startedAt, endedAt } = result;
    if (status === 'succeeded' && attempt === 1 && !this.#runs.take(event.workflowId, endedAt)) return;
    const body: Activity['body'] = {
      id: event.id,
      flowId: event.workflowId,
      status,
      time: new Date(startedAt).toISOString(),
      durationMs: endedAt - startedAt,
      attempt,
      triggerType: event.triggerType,
      triggerId: event.triggerKey,
    };
    if (error !== undefined) body['error'] = error;
    this.#publish('run', event, body, endedAt);
    if (status === 'failed') this.#publish('runError', event, body, endedAt);
  }

  debug(entry: DebugEntry, nowMs: number): void {
    const { run, nodeId, nodeType, level, message, payload } = entry;
    if (!this.#debug.take(run.flowId, nowMs)) return;
    const body: Activity['body'] = { runId: run.id, flowId: run.flowId, nodeId, nodeType, level, message: shortened(message) };
    if ('payload' in entry) body['payload'] = shown(payload);
    this.#publish('debug', { applicationId: run.applicationId, workflowId: run.flowId }, body, nowMs);
  }

  #publish(
    kind: Activity['kind'],
    { applicationId, workflowId }: Pick<TriggeredEvent, 'applicationId' | 'workflowId'>,
    body: Activity['body'],
    nowMs: number,
  ): void {
    this.bus.publishActivity({ kind, id: workflowId, applicationId, time: new Date(nowMs).toISOString(), body });
  }
}

const shortened = (message: string): string => (message.length > MAX_SHOWN ? OMITTED : message);
