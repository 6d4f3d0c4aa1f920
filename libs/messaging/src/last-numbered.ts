import { lastMessage, listMessages, type StoredAccess } from './stored.ts';
import type { StoredInbound, StoredMessage } from './types.ts';

/** Messages looked at in one request. */
const PAGE = 200;

/**
 * The stored message of an inbound subject that has the highest running number. The last one has it, but for events beside the messages and replays, which
 * carry none, and for what can't be read: then every stored message of the subject is looked at, at most its bound of 10,000.
 */
export async function lastNumbered(
  access: StoredAccess,
  subject: string,
  decode: (message: StoredMessage) => StoredInbound,
): Promise<StoredInbound | undefined> {
  const numbered = (message: StoredMessage): StoredInbound | undefined => {
    try {
      const event = decode(message);
      return event.number === undefined ? undefined : event;
    } catch {
      return undefined; // its reader buries it
    }
  };
  const last = await lastMessage(access, 'INBOUND', subject);
  if (last === undefined) return undefined;
  let found = numbered(last);
  if (found !== undefined) return found;
  for (let after = 0; ;) {
    const page = await listMessages(access, 'INBOUND', subject, { after, max: PAGE });
    for (const message of page) {
      const event = numbered(message);
      if (event?.number !== undefined && event.number > (found?.number ?? 0)) found = event;
      after = message.position;
    }
    if (page.length < PAGE) return found;
  }
}
