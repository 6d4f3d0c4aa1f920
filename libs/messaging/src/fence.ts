import { fenceSubject } from '#lib/contracts';
import { HeaderBlock } from './codec/headers.ts';
import type { Publisher } from './publish.ts';
import { lastMessage, removeMessage, type StoredAccess } from './stored.ts';
import { BusError, type Fence } from './types.ts';

const TOKEN = 'sluice-token';
/** All fences of a subject take the same room, so that one always fits where another was. */
const TOKEN_DIGITS = 16;
const ATTEMPTS = 10;

/**
 * Writes a holder's fence over the older one. A holder that was paused on its way here must not fence off its successor, so the write expects the fence it
 * saw, and one with a higher token wins: BusError `fenced`. A full stream refuses a fence as anything else, so there the older one makes room first: none at
 * all refuses the older holder as well. Who can take up its work only now can empty the stream.
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
    const block = new HeaderBlock().set('Nats-Rollup', 'sub').set(TOKEN, String(token).padStart(TOKEN_DIGITS, '0'));
    try {
      const stored = await publisher.publish(subject, block, new Uint8Array(0), { expected: before?.position ?? 0 });
      return { subject, sequence: stored.position };
    } catch (error) {
      if (!(error instanceof BusError) || attempt === ATTEMPTS) throw error;
      if (error.code === 'full' && before !== undefined) await removeMessage(access, stream, before.position);
      // Somebody wrote in between: look again who.
      else if (error.code !== 'sequence') throw error;
    }
  }
}
