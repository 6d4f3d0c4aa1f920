import { SendReply, SendRequest, outboundSubject } from '#lib/contracts';
import type { Position, StoredMessage } from '#lib/messaging';
import { deadLetterOf } from '../dead-letter.ts';
import { persist } from '../persist.ts';
import type { Identity } from '../identity.ts';
import type { Shared } from '../shared.ts';

/** A queued message older than this is dead-lettered `expired`. */
const EXPIRES_MS = 3_600_000;
const PAGE = 100;

export type DrainEnd = 'empty' | 'interrupted';

/**
 * Sends what was queued for an integration, oldest first, each removed once it has its outcome; stops when one can't be sent now. `send` undefined: only
 * throws out what expired. Rejects BusError when the queue can't be read.
 */
export async function drainQueue(
  shared: Shared,
  of: Identity,
  send: ((request: SendRequest) => Promise<SendReply>) | undefined,
  stopped: () => boolean,
): Promise<DrainEnd> {
  const subject = outboundSubject(shared.type, of.applicationId, of.integrationId);
  let after: Position = 0;
  for (;;) {
    const page = await shared.bus.list('OUTBOUND', subject, { after, max: PAGE });
    for (const stored of page) {
      if (stopped()) return 'interrupted';
      const end = await drainOne(shared, of, stored, send, stopped);
      if (end === 'keep') return 'interrupted';
      after = stored.position;
    }
    if (page.length < PAGE) return 'empty';
  }
}

/** What an integration that is gone had queued: dead letters. */
export async function buryQueue(shared: Shared, of: Identity, stopped: () => boolean): Promise<void> {
  const subject = outboundSubject(shared.type, of.applicationId, of.integrationId);
  for (;;) {
    const page = await shared.bus.list('OUTBOUND', subject, { max: PAGE });
    for (const stored of page) {
      if (stopped()) return;
      await bury(shared, of, stored, 'integrationDeleted', 'The integration was deleted before the message could be sent.', stopped);
    }
    if (page.length < PAGE) return;
  }
}

async function drainOne(
  shared: Shared,
  of: Identity,
  stored: StoredMessage,
  send: ((request: SendRequest) => Promise<SendReply>) | undefined,
  stopped: () => boolean,
): Promise<'gone' | 'keep'> {
  const request = parse(stored.body);
  if (request === undefined) {
    await bury(shared, of, stored, 'invalid', 'The queued message cannot be read.', stopped);
    return 'gone';
  }
  if (shared.clock.epoch() - Date.parse(request.time) > EXPIRES_MS) {
    await bury(shared, of, stored, 'expired', 'The integration did not connect within an hour.', stopped);
    return 'gone';
  }
  if (send === undefined) return 'keep';
  const { verdict, error } = await send(request);
  // Of `unknown` it is tried again, as the queue promises at least once; the hour bounds it.
  if (verdict !== 'succeeded' && verdict !== 'failed') return 'keep';
  shared.metrics.drained.inc({ outcome: verdict });
  if (verdict === 'failed') await bury(shared, of, stored, 'failed', error?.message ?? 'The provider refused the message.', stopped);
  else await persist(shared, 'removing a queued message that was sent', stopped, () => shared.bus.remove('OUTBOUND', stored.position));
  return 'gone';
}

async function bury(
  shared: Shared,
  of: Identity,
  stored: StoredMessage,
  reason: string,
  message: string,
  stopped: () => boolean,
): Promise<void> {
  shared.metrics.drained.inc({ outcome: reason });
  const letter = deadLetterOf({
    ...of,
    id: `${of.integrationId}:outbound:${stored.position}`,
    stage: 'outbound',
    reason,
    message,
    attributes: {},
    body: stored.body,
    now: shared.clock.epoch(),
  });
  const replayable = reason === 'integrationDeleted' ? letter : { ...letter, replay: { subject: stored.subject, headers: {} } };
  await persist(shared, 'storing a dead letter', stopped, () => shared.bus.publishDeadLetter(replayable));
  await persist(shared, 'removing a dead-lettered message', stopped, () => shared.bus.remove('OUTBOUND', stored.position));
}

function parse(body: Uint8Array): SendRequest | undefined {
  try {
    return SendRequest.parse(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return undefined;
  }
}
