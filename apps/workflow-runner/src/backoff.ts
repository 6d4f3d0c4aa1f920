import { setTimeout as sleep } from 'node:timers/promises';

const BASE_MS = 50;
const CAP_MS = 2_000;

/** Waits before try `attempt` + 1 (from 0), with jitter: at most 50 ms · 2^attempt, 2 s. Ends early, without rejecting, when aborted. */
export async function backOff(attempt: number, signal?: AbortSignal): Promise<void> {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10));
  try {
    await sleep(bound * (0.25 + Math.random() * 0.75), undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}
