import { Session } from 'node:inspector/promises';
import type { Logger } from './logging.ts';

/** How often we look, ms: of a pause between two bursts nothing is made. */
const LOOK_MS = 10_000;
/** A process that took less than this of one core since the last look has time. */
const QUIET = 0.05;
/** A collection pays once resident memory is this many times what the last one left. */
const GROWTH = 1.5;
/**
 * From one collection to the next, ms. It throws compiled code away with the rest, and the next burst compiles it again: 1 to 2 s of CPU, over some 15,000
 * messages, then all is as it was. So that is at most 0.3 % of a core.
 */
const REST_MS = 600_000;
/** Of a larger heap a collection would stop the process for too long: it takes 2 to 5 ms a MB. */
const MAX_HEAP_BYTES = 256 * 1024 * 1024;

export interface MemoryUse {
  /** CPU of all threads since the last look, and the time since then, ms. */
  readonly cpuMs: number;
  readonly elapsedMs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
}

export interface LastCollection {
  /** What it left. */
  readonly residentBytes: number;
  /** How long ago it was. */
  readonly agoMs: number;
}

/** Whether to collect now. */
export const isDue = ({ cpuMs, elapsedMs, residentBytes, heapBytes }: MemoryUse, last: LastCollection | undefined): boolean =>
  cpuMs < elapsedMs * QUIET &&
  heapBytes <= MAX_HEAP_BYTES &&
  (last === undefined || (last.agoMs >= REST_MS && residentBytes >= last.residentBytes * GROWTH));

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
  let last: { residentBytes: number; at: number } | undefined;
  const look = async (): Promise<void> => {
    const used = process.cpuUsage(cpu);
    const elapsedMs = performance.now() - at;
    cpu = process.cpuUsage();
    at = performance.now();
    const { rss: residentBytes, heapUsed: heapBytes } = process.memoryUsage();
    const use = { cpuMs: (used.user + used.system) / 1_000, elapsedMs, residentBytes, heapBytes };
    if (!isDue(use, last && { residentBytes: last.residentBytes, agoMs: at - last.at })) return;
    await collect();
    last = { residentBytes: process.memoryUsage.rss(), at: performance.now() };
    log.debug({ residentBytes, left: last.residentBytes, ms: Math.round(last.at - at) }, 'memory was given back');
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      clearInterval(timer);
      log.warn({ err: error }, 'memory cannot be given back by this build of Node');
    });
  }, lookMs);
  timer.unref();
}
