/**
 * Header blocks by hand: the client's own header class costs more than the rest of a message. Values are percent-encoded as CloudEvents asks, so no
 * value, whatever a provider put into it, can hold a line break that would start a `Nats-…` header of its own.
 */

export type Headers = Record<string, string>;

/** The bus refuses a larger header block, bytes (nats-server stores its length in 16 bits). */
export const MAX_HEADER_BYTES = 65_535;

const UNSAFE = /[^\x21\x23\x24\x26-\x7e]/;
const UNSAFE_RUN = /[^\x21\x23\x24\x26-\x7e]+/g;
const LONE_SURROGATE = /\p{Surrogate}/gu;

/** Printable ASCII without space, quote and percent; everything else as UTF-8 percent escapes. A lone surrogate becomes U+FFFD. */
export function encodeValue(value: string): string {
  if (!UNSAFE.test(value)) return value;
  // Quotes, of JSON, are nearly all there is.
  return value.replace(UNSAFE_RUN, (run) => (run === '"' ? '%22' : encodeURIComponent(run.replace(LONE_SURROGATE, '\uFFFD'))));
}

/** Throws URIError on a malformed escape. */
export const decodeValue = (value: string): string => (value.includes('%') ? decodeURIComponent(value) : value);

const START = 'NATS/1.0\r\n';

/** Collects a header block. Names come from our fixed lists; values are encoded here, unless they are numbers. */
export class HeaderBlock {
  #text = START;

  set(name: string, value: string): this {
    this.#text += `${name}: ${encodeValue(value)}\r\n`;
    return this;
  }

  number(name: string, value: number): this {
    this.#text += `${name}: ${value}\r\n`;
    return this;
  }

  bytes(): Buffer {
    return Buffer.from(`${this.#text}\r\n`, 'latin1');
  }
}

/** The headers of a block, values as they stand (percent-encoded). The last of a repeated name wins. */
export function parseHeaders(block: Buffer): Headers {
  const headers: Headers = Object.create(null) as Headers;
  const text = block.toString('latin1');
  let at = text.indexOf('\r\n') + 2;
  while (at > 1 && at < text.length) {
    const end = text.indexOf('\r\n', at);
    const stop = end < 0 ? text.length : end;
    const colon = text.indexOf(':', at);
    if (colon > at && colon < stop) headers[text.slice(at, colon)] = text.slice(colon + 1, stop).trim();
    if (end < 0) break;
    at = end + 2;
  }
  return headers;
}

/** The status of a protocol message (`NATS/1.0 503 …`), 0 for none. */
export function statusOf(block: Buffer): { code: number; description: string } {
  const text = block.toString('latin1', 0, Math.min(block.length, 256));
  const line = text.slice(0, Math.max(0, text.indexOf('\r\n')));
  const code = Number(line.slice(9, 12));
  return Number.isInteger(code) ? { code, description: line.slice(13).trim() } : { code: 0, description: '' };
}

/** Where a decoder finds headers by name, percent-encoded as they stand. */
export interface HeaderLookup {
  get(name: string): string | undefined;
}

/** Of headers that were read before. */
export const headersOf = (headers: Headers): HeaderLookup => ({ get: (name) => headers[name] });

/** The headers of a block that {@link HeaderBlock} wrote, each read when it is asked for: at once where it follows the one before it, by a search otherwise. */
export class HeaderLines implements HeaderLookup {
  readonly #text: string;
  /** Where the line begins that should be asked for next. */
  #next: number;

  constructor(block: Buffer) {
    this.#text = block.toString('latin1');
    this.#next = this.#text.indexOf('\r\n') + 2;
  }

  get(name: string): string | undefined {
    const text = this.#text;
    let start = this.#next + name.length + 2;
    if (!text.startsWith(name, this.#next) || !text.startsWith(': ', start - 2)) {
      const found = text.indexOf(`\r\n${name}: `);
      if (found < 0) return undefined;
      start = found + name.length + 4;
    }
    const end = text.indexOf('\r\n', start);
    this.#next = end < 0 ? text.length : end + 2;
    return text.slice(start, end < 0 ? text.length : end);
  }
}

/** A header that must be there. */
export function required(headers: HeaderLookup, name: string): string {
  const value = headers.get(name);
  if (value === undefined) throw new Error(`header ${name} is missing`);
  return decodeValue(value);
}

/** A header that must be there and be a whole number ≥ 0. */
export function requiredNumber(headers: HeaderLookup, name: string): number {
  return wholeNumber(name, required(headers, name));
}

/** A header that may be absent, and is a whole number ≥ 0 otherwise. */
export function optionalNumber(headers: HeaderLookup, name: string): number | undefined {
  const value = headers.get(name);
  return value === undefined ? undefined : wholeNumber(name, value);
}

function wholeNumber(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`header ${name} is not a whole number`);
  return number;
}
