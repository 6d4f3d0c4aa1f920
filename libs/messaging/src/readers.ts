import { PARTITIONS } from '#lib/contracts';
import { type Headers, parseHeaders } from './codec/headers.ts';
import type { Delivery } from './ordered-consumer.ts';
import { positionOf } from './position.ts';
import type { Position, ReadOptions } from './types.ts';

/** `<prefix>.<p>.>` of each partition; all of them are one filter. */
export function partitionFilters(prefix: 'inbound' | 'triggered', partitions: readonly number[]): string[] {
  const distinct = new Set(partitions);
  return distinct.size === PARTITIONS ? [`${prefix}.>`] : [...distinct].map((partition) => `${prefix}.${partition}.>`);
}

/** Hands a decoded message, or what could not be decoded, to the reader's owner. */
export function deliverTo<E extends object>(
  options: ReadOptions<E & { readonly position: Position }>,
  decode: (subject: string, headers: Headers, body: Uint8Array) => E,
): (delivery: Delivery) => void {
  return ({ sequence, subject, block, body }) => {
    const partition = Number(subject.split('.', 2)[1]);
    const position = positionOf(sequence);
    let headers: Headers = {};
    let message: E & { readonly position: Position };
    try {
      headers = parseHeaders(block);
      message = Object.assign(decode(subject, headers, body), { position });
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'cannot be decoded';
      options.onPoison({ position, partition, subject, reason, body, headers });
      return;
    }
    options.onMessage(message, partition);
  };
}
