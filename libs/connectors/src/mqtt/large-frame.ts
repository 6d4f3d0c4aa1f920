import { type Hash, createHash } from 'node:crypto';
import type { Cut } from '#lib/connector-sdk';

/** Of a packet too large to be held this much is kept: room for its topic, its properties and the beginning of its payload. */
const KEPT_BYTES = 256 * 1024;

/** A PUBLISH that is longer than what may be held: its beginning is kept, the rest only counted and hashed. */
export class LargeFrame {
  readonly #kept: Buffer;
  #at = 0;
  #cut: { bytes: number; hash: Hash } | undefined;

  /** `payloadStart`: where in the beginning of a body its payload starts; throws where that isn't a PUBLISH's. */
  constructor(
    readonly flags: number,
    private readonly length: number,
    private readonly payloadStart: (flags: number, body: Buffer) => number,
  ) {
    this.#kept = Buffer.allocUnsafe(Math.min(KEPT_BYTES, length));
  }

  /** Takes what of `bytes` belongs to it and returns how many those are. */
  take(bytes: Buffer): number {
    const own = bytes.subarray(0, this.length - this.#at);
    const kept = own.copy(this.#kept, this.#at < this.#kept.length ? this.#at : this.#kept.length);
    this.#at += own.length;
    if (this.#cut !== undefined) this.#cut.hash.update(own);
    else if (this.#at >= this.#kept.length) {
      const start = this.payloadStart(this.flags, this.#kept);
      const hash = createHash('sha256').update(this.#kept.subarray(start)).update(own.subarray(kept));
      this.#cut = { bytes: this.length - start, hash };
    }
    return own.length;
  }

  /** The beginning and what there is to know of the rest, once all came. */
  get whole(): { body: Buffer; cut: Cut } | undefined {
    if (this.#at < this.length || this.#cut === undefined) return undefined;
    return { body: this.#kept, cut: { bytes: this.#cut.bytes, sha256: this.#cut.hash.digest('hex') } };
  }
}
