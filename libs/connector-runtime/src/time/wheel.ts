import type { Clock } from './clock.ts';

export interface Timer {
  /** Safe to call after it ran. */
  cancel(): void;
}

/** Grain of the wheel, ms: a timer runs up to this much late. */
const TICK_MS = 20;

class Entry implements Timer {
  constructor(
    readonly slot: Set<Entry>,
    readonly run: () => void,
  ) {
    slot.add(this);
  }
  cancel(): void {
    this.slot.delete(this);
  }
}

/** One timer of the process for thousands of deadlines, probes and throttles: setting and cancelling cost the same however many there are. */
export class TimerWheel {
  readonly #slots = new Map<number, Set<Entry>>();
  readonly #clock: Clock;
  readonly #driven: boolean;
  #tick: number;
  #handle: NodeJS.Timeout | undefined;

  /** `driven: false`: nothing runs but through {@link advance}, for tests. */
  constructor(clock: Clock, options: { driven: boolean } = { driven: true }) {
    this.#clock = clock;
    this.#driven = options.driven;
    this.#tick = Math.floor(clock.monotonic() / TICK_MS);
  }

  after(ms: number, run: () => void): Timer {
    const due = Math.max(Math.ceil((this.#clock.monotonic() + ms) / TICK_MS), this.#tick + 1);
    let slot = this.#slots.get(due);
    if (slot === undefined) this.#slots.set(due, (slot = new Set()));
    const entry = new Entry(slot, run);
    this.#arm();
    return entry;
  }

  /** Resolves after `ms`. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Runs what is due. */
  advance(): void {
    const now = Math.floor(this.#clock.monotonic() / TICK_MS);
    // After a long pause of the process there are fewer slots than ticks that passed.
    const due =
      now - this.#tick > this.#slots.size ? [...this.#slots.keys()].filter((tick) => tick <= now).sort((a, b) => a - b) : undefined;
    if (due !== undefined) for (const tick of due) this.#run(tick);
    else for (let tick = this.#tick + 1; tick <= now; tick++) this.#run(tick);
    this.#tick = now;
  }

  stop(): void {
    clearTimeout(this.#handle);
    this.#slots.clear();
  }

  #run(tick: number): void {
    const slot = this.#slots.get(tick);
    if (slot === undefined) return;
    for (const entry of slot) {
      slot.delete(entry);
      entry.run();
    }
    this.#slots.delete(tick);
  }

  #arm(): void {
    if (!this.#driven || this.#handle !== undefined) return;
    this.#handle = setTimeout(() => {
      this.#handle = undefined;
      this.advance();
      if (this.#slots.size > 0) this.#arm();
    }, TICK_MS);
  }
}
