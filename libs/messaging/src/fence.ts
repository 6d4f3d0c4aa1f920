import { fenceSubject } from '#lib/contracts';
import { HeaderBlock } from './codec/headers.ts';
import type { Publisher } from './publish.ts';
import { lastMessage, type StoredAccess } from './stored.ts';
import { BusError, type Fence } from './types.ts';

const TOKEN = 'sluice-token';
const ATTEMPTS = 10;

/**
 * Writes a holder's fence over the older one. A holder that was paused on its way here must not fence off its successor, so the write expects the fence it
 * saw, and one with a higher token wins: BusError `fenced`.
 */
export async function writeFence(
  publisher: Publisher,
  access: StoredAccess,
  stream: 'INBOUND' | 'TRIGGERED' | 'OUTBOUND',
  holder: string,
  partition: number,
  token: number,
): Promise<Fence> {
  const subject = fenceSubject(stream, holder, partition);
  for (let attempt = 1; ; attempt++) {
    const before = await lastMessage(access, stream, subject);
    if (before !== undefined && Number(before.headers[TOKEN]) > token)
      throw new BusError('fenced', `partition ${partition} of ${holder} has a newer holder`);
    // Rolled up: the limit of messages per subject counts fences too.
    const block = new HeaderBlock().set('Nats-Rollup', 'sub').number(TOKEN, token);
    try {
      const stored = await publisher.publish(subject, block, new Uint8Array(0), { expected: before?.position ?? 0 });
      return { subject, sequence: stored.position };
    } catch (error) {
      // Somebody wrote in between: look again who.
      if (!(error instanceof BusError && error.code === 'sequence') || attempt === ATTEMPTS) throw error;
    }
  }
}
