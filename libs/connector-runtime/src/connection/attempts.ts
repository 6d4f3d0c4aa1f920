import type { ConnectionState } from '#lib/contracts';
import { type Failure, afterFailure } from './failure.ts';
import type { Shared } from '../shared.ts';
import type { Timer } from '../time/wheel.ts';

/** The attempts at a connection: how many failed in a row, and the wait until the next. */
export class Attempts {
  readonly #shared: Shared;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** What follows has its time. */
  get waiting(): boolean {
    return this.#timer !== undefined;
  }

  /** Counts one that failed, at `host` if that is known, and calls `again` when it is time to. `nextAttempt`: epoch ms. */
  failed(failure: Failure, host: string | undefined, again: () => void): { readonly state: ConnectionState; readonly nextAttempt: number } {
    const { clock, gate } = this.#shared;
    const next = afterFailure(failure, this.#failures, clock.random());
    this.#failures = next.attempts;
    if (next.blamesHost && host !== undefined) gate.blame(host);
    this.after(next.delayMs, again);
    return { state: next.state, nextAttempt: Math.round(clock.epoch() + next.delayMs) };
  }

  /** Calls `run` then, instead of what waited. */
  after(ms: number, run: () => void): void {
    this.cancel();
    this.#timer = this.#shared.wheel.after(ms, () => {
      this.#timer = undefined;
      run();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Those that failed no longer count. */
  forget(): void {
    this.#failures = 0;
  }
}
