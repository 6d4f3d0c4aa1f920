import type { ConnectionContext, ReceivedMessage } from '#lib/connector-sdk';

/** Of what was read but not handed over when a link ends, this much is still handed over: the runtime takes 1,024 before it cuts a source off. */
const MAX_LATE = 512;

/** What stops and starts the reading of a source. */
interface Source {
  pause(): void;
  resume(): void;
}

/**
 * Hands on what a source without acknowledgements sends, in order, and stops reading it while the runtime takes no more. A source that was paused still gives
 * what is in the chunk at hand: that is kept here, a chunk's worth at the most, until the runtime takes more.
 */
export class Reader {
  #parked: ReceivedMessage[] = [];
  #closed = false;

  /** `source` is paused: it is resumed once the runtime has heard that the link is up, so that `connect` comes before the first message. */
  constructor(
    private readonly context: Pick<ConnectionContext, 'receive' | 'held' | 'onFlow'>,
    private readonly source: Source,
  ) {
    context.onFlow((held) => (held ? source.pause() : this.#goOn()));
    setImmediate(() => this.#goOn());
  }

  push(message: ReceivedMessage): void {
    if (this.#closed) return;
    if (this.context.held || this.#parked.length > 0) this.#parked.push(message);
    else this.#handOn(message);
  }

  /** Takes no more; what was read is handed over even if the runtime wants no more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const message of this.#parked.splice(0).slice(0, MAX_LATE)) this.#handOn(message);
  }

  #goOn(): void {
    while (!this.#closed && !this.context.held) {
      const message = this.#parked.shift();
      if (message === undefined) return this.source.resume();
      this.#handOn(message);
    }
  }

  #handOn(message: ReceivedMessage): void {
    // Nothing is acknowledged: what can't be stored is the runtime's to record.
    this.context.receive(message).catch(() => undefined);
  }
}
