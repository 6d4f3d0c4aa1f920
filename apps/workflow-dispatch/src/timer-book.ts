/** The instant at which each timer was last fired, so that each instant starts its workflow once, whoever has fired it and however often. */
export class TimerBook {
  /** Oldest first. */
  readonly #last = new Map<string, number>();

  load(timer: string, at: number): void {
    this.#last.set(timer, at);
  }

  /** Whether the instant (epoch ms) is beyond all that came before of this timer; then it is the last one. */
  take(timer: string, at: number): boolean {
    if (at <= (this.#last.get(timer) ?? 0)) return false;
    this.#last.delete(timer);
    this.#last.set(timer, at);
    for (const [oldest, last] of this.#last) {
      if (this.#last.size <= TIMERS_KEPT || last > at - FIRINGS_KEPT_MS) break;
      this.#last.delete(oldest);
    }
    return true;
  }
}

/** How long a last instant is remembered, ms: nobody fires one that is older than his clock may be wrong. */
export const FIRINGS_KEPT_MS = 24 * 3_600_000;
/** Timers of one partition that are remembered however long they are idle. */
const TIMERS_KEPT = 1_000;

/** Names a timer in the book, in text that PostgreSQL takes. */
export const timerName = (workflowId: string, key: string): string => JSON.stringify([workflowId, key]);
