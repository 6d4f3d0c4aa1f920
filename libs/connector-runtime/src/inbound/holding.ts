/** At most this is held of one integration. */
const MAX_MESSAGES = 256;
const MAX_BYTES = 16 * 1024 * 1024;
/** A source that doesn't stop when asked is cut off at this multiple. */
const OVERRUN = 4;

/** Counts what is held and says when to stop reading the source, and when to go on: at half, so that it isn't asked for each message. */
export class Holding {
  held = false;
  #messages = 0;
  #bytes = 0;
  readonly #onHeld: (held: boolean) => void;

  constructor(onHeld: (held: boolean) => void) {
    this.#onHeld = onHeld;
  }

  get overrun(): boolean {
    return this.#messages >= MAX_MESSAGES * OVERRUN || this.#bytes >= MAX_BYTES * OVERRUN;
  }

  add(bytes: number): void {
    this.#messages++;
    this.#bytes += bytes;
    if (!this.held && (this.#messages >= MAX_MESSAGES || this.#bytes >= MAX_BYTES)) this.#set(true);
  }

  remove(bytes: number): void {
    this.#messages--;
    this.#bytes -= bytes;
    if (this.held && this.#messages <= MAX_MESSAGES / 2 && this.#bytes <= MAX_BYTES / 2) this.#set(false);
  }

  #set(held: boolean): void {
    this.held = held;
    this.#onHeld(held);
  }
}
