import { PARTITIONS } from '#lib/contracts';
import { HeaderLines, type HeaderLookup, parseHeaders } from './codec/headers.ts';
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
  decode: (subject: string, headers: HeaderLookup, body: Uint8Array) => E,
): (delivery: Delivery) => void {
  return ({ sequence, subject, block, body }) => {
    const partition = partitionIn(subject);
    const position = positionOf(sequence);
    let message: E & { readonly position: Position };
    try {
      message = Object.assign(decode(subject, new HeaderLines(block), body), { position });
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'cannot be decoded';
      options.onPoison({ position, partition, subject, reason, body, headers: parseHeaders(block) });
      return;
    }
    options.onMessage(message, partition);
  };
}

/** The second token of `<prefix>.<p>.…` */
function partitionIn(subject: string): number {
  const start = subject.indexOf('.') + 1;
  return Number(subject.slice(start, subject.indexOf('.', start)));
}
