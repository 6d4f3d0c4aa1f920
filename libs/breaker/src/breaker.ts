import CircuitBreaker from 'opossum';

/** Half of at least 20 attempts within 10 s failed: none is made for 10 s, then one is, to see. */
const OPTIONS = {
  timeout: false,
  errorThresholdPercentage: 50,
  volumeThreshold: 20,
  rollingCountTimeout: 10_000,
  rollingCountBuckets: 10,
  resetTimeout: 10_000,
} as const satisfies CircuitBreaker.Options;

type Attempt = () => Promise<unknown>;

/** A circuit breaker before something outside. Made at the first trouble there: while all goes well it would cost a tenth of a send. */
export class Breaker {
  readonly #circuit: CircuitBreaker<[Attempt]>;

  /** `isTrouble`: what an attempt failed with speaks against what is outside. */
  constructor(isTrouble: (error: unknown) => boolean = () => true) {
    this.#circuit = new CircuitBreaker((attempt: Attempt) => attempt(), { ...OPTIONS, errorFilter: (error) => !isTrouble(error) });
  }

  /** Rejects what the attempt does; another error, for which {@link Breaker.isOpen}, when it isn't made. */
  fire<T>(attempt: () => Promise<T>): Promise<T> {
    return this.#circuit.fire(attempt) as Promise<T>;
  }

  /** Trouble that came without it. */
  count(trouble: unknown): void {
    this.fire(() => Promise.reject(trouble as Error)).catch(() => undefined);
  }

  /** Its timers end. */
  close(): void {
    this.#circuit.shutdown();
  }

  /** The attempt was not made. */
  static isOpen(error: unknown): boolean {
    return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EOPENBREAKER';
  }
}
