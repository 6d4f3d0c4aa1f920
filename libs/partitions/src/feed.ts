import type { ReadOptions, Reader } from '#lib/messaging';
import { backOff } from './backoff.ts';

export interface FeedOptions<M> {
  readonly read: (options: ReadOptions<M>) => Promise<Reader>;
  readonly request: ReadOptions<M>;
  readonly onError: (error: unknown) => void;
}

/** One consumer on the bus: opened with retries, paused and resumed also while it opens. */
export class Feed<M> {
  readonly #closed = new AbortController();
  readonly #opening: Promise<void>;
  #reader: Reader | undefined;
  #paused = false;

  constructor(private readonly options: FeedOptions<M>) {
    this.#opening = this.#open();
  }

  get isOpen(): boolean {
    return this.#reader !== undefined;
  }

  async #open(): Promise<void> {
    for (let attempt = 0; !this.#closed.signal.aborted; attempt++) {
      try {
        const reader = await this.options.read(this.options.request);
        if (this.#closed.signal.aborted) return await reader.stop();
        this.#reader = reader;
        if (this.#paused) reader.pause();
        return;
      } catch (error) {
        this.options.onError(error);
        await backOff(attempt, this.#closed.signal);
      }
    }
  }

  hold(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#reader?.pause();
    else this.#reader?.resume();
  }

  /** Nothing is delivered once this resolves; it never rejects. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#opening;
    try {
      await this.#reader?.stop();
    } catch (error) {
      this.options.onError(error);
    }
  }
}
