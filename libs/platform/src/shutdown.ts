import type { Logger } from './logging.ts';
import { collectWhenQuiet } from './quiet-memory.ts';
import type { Readiness } from './readiness.ts';

/** A service that runs in this process. */
export interface RunningService {
  ready(): Readiness;
  /** Stops reading, finishes what is in flight, commits, releases. Safe to call twice. */
  stop(): Promise<void>;
}

/** How long a stop may take before the process leaves anyway, ms (a promise of ours: SIGTERM to exit within 20 s). */
const STOP_WITHIN_MS = 18_000;

/**
 * Runs a service as its own process: started, stopped in order by SIGTERM or SIGINT (exit 0), ended with exit 1 when the start fails, a stop takes
 * too long, or an error nobody handled leaves its state unknown. A second signal ends it at once. While it is quiet, memory it needs no more is given back.
 */
export function runProcess(log: Logger, start: () => Promise<RunningService>): void {
  let service: RunningService | undefined;
  let stopping = false;
  const leave = (code: number): never => process.exit(code);

  const stop = async (signal: string): Promise<void> => {
    if (stopping) leave(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error('the stop took too long; leaving');
      leave(1);
    }, STOP_WITHIN_MS).unref();
    try {
      await service?.stop();
      log.info('stopped');
      leave(0);
    } catch (error) {
      log.error({ err: error }, 'the stop failed');
      leave(1);
    }
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));

  const die = (what: string) => (error: unknown) => {
    log.fatal({ err: error }, what);
    leave(1);
  };
  process.on('uncaughtException', die('an error nobody handled'));
  process.on('unhandledRejection', die('a rejection nobody handled'));

  start().then((running) => {
    service = running;
    collectWhenQuiet(log);
    log.info('started');
  }, die('the start failed'));
}
