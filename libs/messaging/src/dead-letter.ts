import { createHash } from 'node:crypto';
import { type DeadLetter, type InboundEvent, inboundSubject } from '#lib/contracts';
import { parseHeaders } from './codec/headers.ts';
import { encodeInbound } from './codec/inbound.ts';

/** Of a dead letter's body this much is kept, bytes. */
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

/** An inbound event that was never stored, as a dead letter holds it: a replay stores it. Only where it isn't truncated. */
export function unstored(event: InboundEvent): Pick<DeadLetter, 'size' | 'sha256' | 'body' | 'truncated' | 'replay'> {
  const { block, body } = encodeInbound(event);
  const subject = inboundSubject(event.applicationId, event.sourceId);
  return { ...letterOf(body), replay: { subject, headers: parseHeaders(block.bytes()) } };
}
