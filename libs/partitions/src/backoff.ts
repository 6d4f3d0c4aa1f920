import { setTimeout as sleep } from 'node:timers/promises';

const BASE_MS = 50;
const CAP_MS = 5_000;

/** Waits; returns false at once when aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
    return true;
  } catch {
    return false; // only an abort ends the sleep early
  }
}

/** A jittered wait before try `attempt` (from 0): at most 50 ms · 2^attempt and `capMs`. */
export function delayBefore(attempt: number, capMs = CAP_MS): number {
  return Math.min(capMs, BASE_MS * 2 ** Math.min(attempt, 10)) * (0.25 + Math.random() * 0.75);
}

/** Waits {@link delayBefore}, at most 5 s. Returns false at once when aborted. */
export async function backOff(attempt: number, signal: AbortSignal): Promise<boolean> {
  return await pause(delayBefore(attempt), signal);
}
