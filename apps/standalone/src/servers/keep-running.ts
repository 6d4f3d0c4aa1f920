import type { Server } from './child.ts';

export interface KeptServer<S extends Server> {
  /** The server that runs now. */
  current(): S;
  readonly up: boolean;
  stop(): Promise<void>;
}

/** A restart that keeps failing is tried again after at most this, ms. */
const LONGEST_PAUSE_MS = 10_000;

/** Starts a server, and again whenever it ends unasked, backing off while it keeps ending. Rejects when the first start fails. */
export async function keepRunning<S extends Server>(
  start: () => Promise<S>,
  report: { started(server: S): void; ended(code: number | null): void; failed(error: unknown): void },
): Promise<KeptServer<S>> {
  let server = await start();
  let up = true;
  let stopping = false;
  let failures = 0;
  let wake: (() => void) | undefined;
  report.started(server);

  const watch = async (): Promise<void> => {
    while (!stopping) {
      const startedAt = performance.now();
      const code = await server.ended;
      if (stopping) return;
      up = false;
      report.ended(code);
      failures = performance.now() - startedAt > 30_000 ? 0 : failures;
      while (!stopping && !up) {
        if (failures > 0) {
          const pause = Math.min(LONGEST_PAUSE_MS, 100 * 2 ** failures) * Math.random();
          await new Promise<void>((resolve) => {
            wake = resolve;
            setTimeout(resolve, pause).unref();
          });
          if (stopping) return;
        }
        failures += 1;
        try {
          server = await start();
          up = true;
          report.started(server);
        } catch (error) {
          report.failed(error);
        }
      }
    }
  };
  const watching = watch();
  return {
    current: () => server,
    get up() {
      return up;
    },
    stop: async () => {
      stopping = true;
      wake?.();
      await server.stop();
      await watching;
    },
  };
}
