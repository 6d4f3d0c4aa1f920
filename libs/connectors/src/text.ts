import { isUtf8 } from 'node:buffer';

/** A body for a run's `data`: parsed where it is JSON, else text; bytes that are no text as base64. */
export function jsonOrText(body: Uint8Array): { value: unknown; encoding?: 'base64' } {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!isUtf8(bytes)) return { value: bytes.toString('base64'), encoding: 'base64' };
  const text = bytes.toString('utf8');
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { value: text };
  }
}
