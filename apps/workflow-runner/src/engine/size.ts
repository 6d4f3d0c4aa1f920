import { NodeError } from './errors.ts';

/** Largest payload of a run, bytes. Counted as JSON text would be, roughly: characters, and a little for each value. */
export const MAX_PAYLOAD = 5 * 1024 * 1024;

/** About the JSON length of a value; stops counting once it is beyond `limit`, so that structure shared a million times costs no more than that. */
export function sizeOf(value: unknown, limit = MAX_PAYLOAD): number {
  let size = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0 && size <= limit) {
    const next = waiting.pop();
    size += 2;
    if (typeof next === 'string') size += next.length;
    else if (next === null || typeof next !== 'object' || next instanceof Date) size += 6;
    else if (Array.isArray(next)) for (const item of next) waiting.push(item);
    else
      for (const key of Object.keys(next)) {
        size += key.length + 3;
        waiting.push((next as Record<string, unknown>)[key]);
      }
  }
  return size;
}

/**
 * Keeps an upper bound of a payload's size while values are added to it, so that small changes of a large payload cost nothing: only when the bound passes the
 * limit is the payload measured.
 */
export class PayloadSize {
  /** `bound`: at most about how large it is; `limit`: how large it may get. */
  constructor(
    private bound: number,
    private readonly limit = MAX_PAYLOAD,
  ) {}

  copy(): PayloadSize {
    return new PayloadSize(this.bound, this.limit);
  }

  /** Of something beside the payload that may get as large. */
  ofNothing(): PayloadSize {
    return new PayloadSize(0, this.limit);
  }

  /** Measures the payload if it may be too large. Throws PayloadTooLarge. */
  check(payload: unknown): void {
    if (this.bound > this.limit) this.measure(payload);
  }

  /** `value` became part of `payload`. Throws PayloadTooLarge. */
  grew(payload: unknown, value: unknown): void {
    this.bound += sizeOf(value, this.limit);
    this.check(payload);
  }

  /** The whole payload is new. Throws PayloadTooLarge. */
  measure(payload: unknown): void {
    this.bound = sizeOf(payload, this.limit);
    if (this.bound > this.limit) throw new NodeError('PayloadTooLarge', `the payload of the run is larger than ${MAX_PAYLOAD} bytes`);
  }
}
