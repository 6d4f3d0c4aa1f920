import { delayBefore, pause } from '#lib/partitions';

const CAP_MS = 2_000;

/** Waits before try `attempt` + 1 (from 0), with jitter: at most 50 ms · 2^attempt, 2 s. Ends early, without rejecting, when aborted. */
export async function backOff(attempt: number, signal?: AbortSignal): Promise<void> {
  await pause(delayBefore(attempt, CAP_MS), signal);
}
