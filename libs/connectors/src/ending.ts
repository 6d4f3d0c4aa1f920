import { ConnectorError } from '#lib/connector-sdk';

/** What ends once, for a reason, and tells it to whoever listens or waits. */
export abstract class Ending {
  readonly #listeners = new Set<(error: ConnectorError) => void>();
  #error: ConnectorError | undefined;

  /** Why it ended; undefined while it lives. */
  get error(): ConnectorError | undefined {
    return this.#error;
  }

  /** Calls back with why it ended, at once if it did; what it returns takes that back. */
  onEnd(listener: (error: ConnectorError) => void): () => void {
    if (this.#error === undefined) this.#listeners.add(listener);
    else listener(this.#error);
    return () => void this.#listeners.delete(listener);
  }

  /** The outcome of `work`, or sooner why it ended. */
  async orEnd<T>(work: Promise<T>): Promise<T> {
    // No race with one long promise: that would keep the outcome of every call until the end.
    return await new Promise<T>((resolve, reject) => {
      const forget = this.onEnd(reject);
      work.then(resolve, reject).finally(forget);
    });
  }

  /** Ends it for `error`, unless it has ended already; why it did. */
  end(error: ConnectorError): ConnectorError {
    if (this.#error !== undefined) return this.#error;
    this.#error = error;
    this.release();
    for (const listener of this.#listeners) listener(error);
    this.#listeners.clear();
    return error;
  }

  /** Ends it when an attempt to connect is given up. */
  protected endOnAbort(signal: AbortSignal): void {
    const onAbort = (): void => void this.end(new ConnectorError('lost', 'The attempt to connect was given up.'));
    signal.addEventListener('abort', onAbort, { once: true });
    this.onEnd(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  }

  /** Lets go of what is open. Called once, before anybody is told. */
  protected abstract release(): void;

  /** Asked after a wait, during which it may have ended. */
  protected isOver(): boolean {
    return this.#error !== undefined;
  }
}
