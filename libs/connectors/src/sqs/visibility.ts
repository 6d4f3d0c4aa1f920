import type { ConnectionContext } from '#lib/connector-sdk';
import { BATCH, type Queue } from './queue.ts';
import { isDenied } from './reasons.ts';

/** Keeps the messages at hand hidden from others: each is hidden again when half of its time is over. One timer, and only while there are any. */
export class Visibility {
  readonly #queue: Queue;
  readonly #context: Pick<ConnectionContext, 'log'>;
  readonly #seconds: number;
  readonly #failed: (error: unknown) => void;
  /** By receipt: monotonic ms when it was hidden last; in that order. */
  #hidden = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #extending = false;
  #ended = false;

  constructor(queue: Queue, context: Pick<ConnectionContext, 'log'>, seconds: number, failed: (error: unknown) => void) {
    this.#queue = queue;
    this.#context = context;
    this.#seconds = seconds;
    this.#failed = failed;
  }

  hold(receipt: string): void {
    if (this.#ended) return;
    this.#hidden.set(receipt, performance.now());
    // Twice in the half that is left: an extension that takes long is still in time.
    this.#timer ??= setInterval(() => void this.#extend(), this.#seconds * 250);
  }

  letGo(receipt: string): void {
    this.#hidden.delete(receipt);
    if (this.#hidden.size === 0) this.#stop();
  }

  /** Hides nothing any more; the receipts of those it did. */
  end(): readonly string[] {
    const receipts = [...this.#hidden.keys()];
    this.#ended = true;
    this.#hidden = new Map();
    this.#stop();
    return receipts;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #extend(): Promise<void> {
    if (this.#extending) return;
    this.#extending = true;
    try {
      for (let due = this.#due(); due.length > 0; due = this.#due()) {
        const at = performance.now();
        const unknown = new Set(await this.#queue.hideFor(this.#seconds, due));
        for (const receipt of due) {
          // Deleted or ended meanwhile, or its time is over: another may have it, and it comes again.
          if (!this.#hidden.delete(receipt) || unknown.has(receipt)) continue;
          this.#hidden.set(receipt, at);
        }
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#extending = false;
    }
  }

  #due(): readonly string[] {
    const before = performance.now() - this.#seconds * 500;
    const due: string[] = [];
    for (const [receipt, hiddenAt] of this.#hidden) {
      if (hiddenAt > before || due.length === BATCH) break;
      due.push(receipt);
    }
    return due;
  }

  #onError(error: unknown): void {
    if (this.#ended) return;
    if (!isDenied(error)) {
      this.#failed(error);
      return;
    }
    // Without it a message that waits for long comes a second time, and is known by its id: no reason to receive nothing.
    this.#context.log.warn('The access key is not allowed sqs:ChangeMessageVisibility: messages that wait for long come more than once.');
    this.#ended = true;
    this.end();
  }
}
