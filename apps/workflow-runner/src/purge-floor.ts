import type { Position } from '#lib/messaging';

/**
 * How far one partition of TRIGGERED may be purged. A message stays for as long as dispatch hasn't committed the inbound message it was made from: after a
 * take-over dispatch looks here for what is already published. Each message carries the newest inbound sequence that dispatch had committed.
 */
export class PurgeFloor {
  #committed = 0;
  #through: Position = 0;
  /** What has been read and not been cleared, in stream order. */
  readonly #pending: { position: Position; inbound: number }[] = [];
  #head = 0;

  saw(position: Position, inbound: number, committed: number): void {
    if (committed > this.#committed) this.#committed = committed;
    const last = this.#pending.at(-1);
    // The messages of one fan-out are cleared together.
    if (last?.inbound === inbound && this.#head < this.#pending.length) last.position = position;
    else this.#pending.push({ position, inbound });
  }

  /** The last position that nobody needs, given how far the runner itself has committed. Never falls. */
  through(committed: Position): Position {
    for (;;) {
      const next = this.#pending[this.#head];
      if (next === undefined || next.position > committed || next.inbound > this.#committed) break;
      this.#through = next.position;
      this.#head++;
    }
    if (this.#head > 512 || this.#head === this.#pending.length) {
      this.#pending.splice(0, this.#head);
      this.#head = 0;
    }
    return this.#through;
  }
}
