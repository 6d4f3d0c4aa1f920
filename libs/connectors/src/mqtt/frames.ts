import type { Cut } from '#lib/connector-sdk';
import { LargeFrame } from './large-frame.ts';

/** MQTT control packet types (MQTT 3.1.1 and 5, §2.1.2): the upper half of a frame's first byte. */
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const PUBREC = 5;
export const PUBREL = 6;
export const PUBCOMP = 7;
export const SUBACK = 9;
export const PINGRESP = 13;
export const DISCONNECT = 14;

export const PINGREQ_FRAME = Buffer.from([0xc0, 0]);

/** What a peer sends breaks the protocol: nothing after it can be trusted. */
export class MalformedPacket extends Error {}

/** One whole control packet. `body` is a view into the bytes as they came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
  /** Of a PUBLISH too large to be held: `body` is its beginning. */
  readonly cut?: Cut;
}

const EMPTY = Buffer.alloc(0);

/** Cuts a byte stream into frames. Frames inside one chunk are views of it; one that spans chunks is put together once. */
export class FrameReader {
  #bytes: Buffer = EMPTY;
  #at = 0;
  #later: Buffer[] = [];
  #laterBytes = 0;
  #large: LargeFrame | undefined;

  /** `maxBytes`: the longest frame that is held. Of a longer PUBLISH only its beginning is; any other packet of that length throws {@link MalformedPacket}. */
  constructor(
    private readonly maxBytes: number,
    private readonly payloadStart: (flags: number, body: Buffer) => number,
  ) {}

  push(chunk: Buffer): void {
    if (this.#at === this.#bytes.length && this.#later.length === 0) {
      this.#bytes = chunk;
      this.#at = 0;
      return;
    }
    this.#later.push(chunk);
    this.#laterBytes += chunk.length;
  }

  /** The next whole frame, undefined until more bytes came. */
  next(): Frame | undefined {
    if (this.#large !== undefined) return this.#rest(this.#large);
    let head = this.#head();
    if (head === undefined && this.#laterBytes > 0) {
      this.#join();
      head = this.#head();
    }
    if (head === undefined) return undefined;
    const { start, length } = head;
    if (length > this.maxBytes) return this.#begin(start, length);
    if (start + length > this.#bytes.length) {
      if (start + length > this.#bytes.length + this.#laterBytes) return undefined;
      const before = this.#at;
      this.#join();
      return this.#cut(start - before, length);
    }
    return this.#cut(start, length);
  }

  #begin(start: number, length: number): Frame | undefined {
    const first = this.#bytes[this.#at] as number;
    if (first >> 4 !== PUBLISH) throw new MalformedPacket(`a packet of type ${first >> 4} has ${length} bytes`);
    this.#at = start;
    this.#large = new LargeFrame(first & 0x0f, length, this.payloadStart);
    return this.#rest(this.#large);
  }

  /** Feeds a large frame with all there is. */
  #rest(large: LargeFrame): Frame | undefined {
    for (;;) {
      this.#at += large.take(this.#bytes.subarray(this.#at));
      const { whole } = large;
      if (whole !== undefined) {
        this.#large = undefined;
        return { type: PUBLISH, flags: large.flags, ...whole };
      }
      const next = this.#later.shift();
      if (next === undefined) return undefined;
      this.#laterBytes -= next.length;
      this.#bytes = next;
      this.#at = 0;
    }
  }

  #cut(start: number, length: number): Frame {
    const first = this.#bytes[this.#at] as number;
    this.#at = start + length;
    return { type: first >> 4, flags: first & 0x0f, body: this.#bytes.subarray(start, this.#at) };
  }

  /** Where the frame at hand has its body, undefined while its header is incomplete. */
  #head(): { start: number; length: number } | undefined {
    let length = 0;
    for (let index = 1; index <= 4; index++) {
      const byte = this.#bytes[this.#at + index];
      if (byte === undefined) return undefined;
      length += (byte & 0x7f) * 128 ** (index - 1);
      if (byte < 0x80) return { start: this.#at + index + 1, length };
    }
    throw new MalformedPacket('a length has more than four bytes');
  }

  #join(): void {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), ...this.#later]);
    this.#at = 0;
    this.#later = [];
    this.#laterBytes = 0;
  }
}

/** A variable byte integer: its value and where the next byte is. */
export function readLength(body: Buffer, at: number): { value: number; next: number } {
  let value = 0;
  for (let index = 0; index < 4; index++) {
    const byte = body[at + index];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 128 ** index;
    if (byte < 0x80) return { value, next: at + index + 1 };
  }
  throw new MalformedPacket('a length is cut off');
}

/** The first byte and the length of a packet, with room for its `length` bytes of body from `at` on. */
export function allocateFrame(first: number, length: number): { frame: Buffer; at: number } {
  const size = length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4;
  const frame = Buffer.allocUnsafe(1 + size + length);
  frame[0] = first;
  let rest = length;
  for (let index = 1; index <= size; index++) {
    frame[index] = (rest % 128) | (index < size ? 0x80 : 0);
    rest = Math.floor(rest / 128);
  }
  return { frame, at: 1 + size };
}
