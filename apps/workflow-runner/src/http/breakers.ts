import { Breaker } from '#lib/breaker';
import { HttpFailure } from '../engine/http.ts';

/** A breaker goes after this long without trouble, ms; of more than so many the oldest. */
const IDLE_MS = 60_000;
const MAX_BREAKERS = 1_000;

/** Failures that speak against a host. */
const TROUBLE: ReadonlySet<string> = new Set(['HttpConnection', 'HttpTls', 'HttpTimeout', 'HostNotFound']);
const isTrouble = (error: unknown): boolean => error instanceof HttpFailure && TROUBLE.has(error.name);

interface Kept {
  readonly breaker: Breaker;
  readonly idle: NodeJS.Timeout;
}

/** A circuit breaker for each application and host, made at the first trouble there and dropped when there is none for long. */
export class Breakers {
  readonly #kept = new Map<string, Kept>();

  get size(): number {
    return this.#kept.size;
  }

  /** Rejects what the attempt does; HttpFailure `CircuitOpen` when it isn't made. */
  async through<T>(applicationId: string, host: string, attempt: () => Promise<T>): Promise<T> {
    const key = `${applicationId} ${host}`;
    const kept = this.#kept.get(key);
    try {
      return kept === undefined ? await attempt() : await kept.breaker.fire(attempt);
    } catch (error) {
      if (isTrouble(error)) this.#count(key, error, kept);
      else if (Breaker.isOpen(error))
        throw new HttpFailure('CircuitOpen', `requests to ${host} failed too often just now: none is made for a few seconds`);
      throw error;
    }
  }

  close(): void {
    for (const key of [...this.#kept.keys()]) this.#drop(key);
  }

  #count(key: string, error: unknown, known: Kept | undefined): void {
    if (known !== undefined) return void known.idle.refresh();
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = {
        breaker: new Breaker(isTrouble),
        idle: setTimeout(() => this.#drop(key), IDLE_MS).unref(),
      };
      this.#kept.set(key, kept);
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > MAX_BREAKERS && oldest !== undefined) this.#drop(oldest);
    }
    kept.breaker.count(error);
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    clearTimeout(kept?.idle);
    kept?.breaker.close();
  }
}
