import { Session } from 'node:inspector/promises';
import type { Logger } from './logging.ts';

/** How often we look, ms: of a pause between two bursts nothing is made. */
const LOOK_MS = 4_000;
/** A process that took less than this of one core since the last look has time. */
const QUIET = 0.05;
/** A collection pays once resident memory is this many times what the last one left: so its cost stays a share of what was allocated since. */
const GROWTH = 1.5;
/** Of a larger heap a collection would stop the process for too long: it takes some milliseconds a MB. */
const MAX_HEAP_BYTES = 256 * 1024 * 1024;

export interface MemoryUse {
  /** CPU of all threads since the last look, and the time since then, ms. */
  readonly cpuMs: number;
  readonly elapsedMs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
}

/** Whether to collect now. `residentAfterLast`: 0 before the first time. */
export const isDue = ({ cpuMs, elapsedMs, residentBytes, heapBytes }: MemoryUse, residentAfterLast: number): boolean =>
  cpuMs < elapsedMs * QUIET && residentBytes >= residentAfterLast * GROWTH && heapBytes <= MAX_HEAP_BYTES;

/** What the developer tools' own button does: the one collection that also gives the freed pages back to the system. Blocks until it is done. */
async function collect(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}

/**
 * Gives the memory that a burst left behind (a thousand integrations that connected) back to the system once the process is quiet. Node never does: its
 * collector runs when something is allocated, and takes a process that became idle for one that still allocates as fast as before.
 */
export function collectWhenQuiet(log: Logger, { lookMs = LOOK_MS }: { lookMs?: number } = {}): void {
  let cpu = process.cpuUsage();
  let at = performance.now();
  let residentAfterLast = 0;
  const look = async (): Promise<void> => {
    const used = process.cpuUsage(cpu);
    const elapsedMs = performance.now() - at;
    cpu = process.cpuUsage();
    at = performance.now();
    const { rss: residentBytes, heapUsed: heapBytes } = process.memoryUsage();
    if (!isDue({ cpuMs: (used.user + used.system) / 1_000, elapsedMs, residentBytes, heapBytes }, residentAfterLast)) return;
    await collect();
    residentAfterLast = process.memoryUsage.rss();
    log.debug({ residentBytes, residentAfterLast, ms: Math.round(performance.now() - at) }, 'memory was given back');
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      clearInterval(timer);
      log.warn({ err: error }, 'memory cannot be given back by this build of Node');
    });
  }, lookMs);
  timer.unref();
}
