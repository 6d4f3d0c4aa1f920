import { type HeaderBlock, type HeaderLookup, decodeValue, optionalNumber } from './headers.ts';

/** Attributes whose JSON is longer than this (bytes, encoded) travel in front of the body instead of in a header. */
export const MAX_ATTRIBUTE_BYTES = 32 * 1024;

const IN_HEADER = 'ce-attributes';
const IN_BODY = 'ce-attributeslength';

/** Writes attributes into the block, or in front of the body when they are too long; returns the body to store. */
export function packAttributes(block: HeaderBlock, attributes: Record<string, unknown>, body: Uint8Array): Uint8Array {
  const json = JSON.stringify(attributes);
  if (json === '{}') return body;
  // A percent-encoded character takes at most nine bytes for each UTF-16 unit: short ones need no second look.
  if (json.length * 9 <= MAX_ATTRIBUTE_BYTES || encodedLength(json) <= MAX_ATTRIBUTE_BYTES) {
    block.set(IN_HEADER, json);
    return body;
  }
  const bytes = Buffer.from(json);
  block.number(IN_BODY, bytes.length);
  return Buffer.concat([bytes, body]);
}

/** The reverse of {@link packAttributes}. Throws on what it did not write. */
export function unpackAttributes(headers: HeaderLookup, stored: Uint8Array): { attributes: Record<string, unknown>; body: Uint8Array } {
  const inHeader = headers.get(IN_HEADER);
  if (inHeader !== undefined) return { attributes: parseObject(decodeValue(inHeader)), body: stored };
  const length = optionalNumber(headers, IN_BODY);
  if (length === undefined) return { attributes: {}, body: stored };
  if (length > stored.length) throw new Error(`${IN_BODY} is beyond the body`);
  const json = Buffer.from(stored.buffer, stored.byteOffset, length).toString();
  return { attributes: parseObject(json), body: stored.subarray(length) };
}

const encodedLength = (json: string): number => encodeURIComponent(json).length;

function parseObject(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own text quotes its input, which is a provider's.
    throw new Error('attributes are not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('attributes are not a JSON object');
  return value as Record<string, unknown>;
}
