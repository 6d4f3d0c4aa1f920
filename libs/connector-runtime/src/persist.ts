import { busDelay } from './time/backoff.ts';
import type { Shared } from './shared.ts';

/** Tries of `work` before the log hears of it. */
const QUIET_TRIES = 3;

/** Does `work` until it succeeds, backing off; undefined once `givenUp` says that it no longer matters. For what the bus must take sooner or later. */
export async function persist<T>(
  shared: Pick<Shared, 'wheel' | 'clock' | 'log'>,
  what: string,
  givenUp: () => boolean,
  work: () => Promise<T>,
): Promise<T | undefined> {
  for (let tries = 0; !givenUp(); tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === QUIET_TRIES) shared.log.warn({ err: error }, `${what}: still trying`);
      await shared.wheel.sleep(busDelay(tries, shared.clock.random()));
    }
  }
  return undefined;
}
