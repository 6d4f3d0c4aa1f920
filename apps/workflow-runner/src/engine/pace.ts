/** How long a run may keep the thread before the event loop turns, ms. */
const SLICE_MS = 10;

/** Turns of the event loop, counted while somebody works in them; of the runs that rest one goes on at each. */
class Turns {
  #count = 0;
  #armed = false;
  readonly #resting: (() => void)[] = [];

  get current(): number {
    this.#arm();
    return this.#count;
  }

  rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#resting.push(resolve);
      this.#arm();
    });
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(() => {
      this.#armed = false;
      this.#count++;
      const next = this.#resting.shift();
      if (this.#resting.length > 0) this.#arm();
      next?.();
    });
  }
}

const turns = new Turns();

/** What a run may use of the thread at a stretch: a long one must not keep messages, timers and other runs waiting. */
export class Pace {
  #turn = -1;
  #since = 0;

  /** It has worked for long in this turn of the event loop: it should rest. */
  get spent(): boolean {
    const now = performance.now();
    const turn = turns.current;
    if (turn === this.#turn) return now - this.#since > SLICE_MS;
    this.#turn = turn;
    this.#since = now;
    return false;
  }

  /** Resolves in a later turn; runs that rest take turns. */
  rest(): Promise<void> {
    return turns.rest();
  }
}
