import { setTimeout as sleep } from 'node:timers/promises';

const BASE_MS = 50;
const CAP_MS = 5_000;

/** Waits; returns false at once when aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false; // only an abort ends the sleep early
  }
}

/** A jittered wait before try `attempt` (from 0): at most 50 ms · 2^attempt and 5 s. */
export function delayBefore(attempt: number): number {
  return Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10)) * (0.25 + Math.random() * 0.75);
}

/** Waits {@link delayBefore}. Returns false at once when aborted. */
export async function backOff(attempt: number, signal: AbortSignal): Promise<boolean> {
  return await pause(delayBefore(attempt), signal);
}
