import { createHash } from 'node:crypto';
import type { DeadLetter } from '#lib/contracts';

/** Of a dead letter's body this much is kept, bytes (DESIGN §3.2). */
const KEPT_BYTES = 65_536;

/** What a dead letter says of the body: its size and hash, and its first 64 KB. `cut`: of the whole, where `body` is only its beginning. */
export function letterOf(
  body: Uint8Array,
  cut?: { readonly bytes: number; readonly sha256: string },
): Pick<DeadLetter, 'size' | 'sha256' | 'body' | 'truncated'> {
  return {
    size: cut?.bytes ?? body.byteLength,
    sha256: cut?.sha256 ?? createHash('sha256').update(body).digest('hex'),
    body: Buffer.from(body.subarray(0, KEPT_BYTES)).toString('base64'),
    truncated: cut !== undefined || body.byteLength > KEPT_BYTES,
  };
}
