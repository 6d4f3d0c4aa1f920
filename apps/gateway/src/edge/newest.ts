import type { Bus, StoredMessage, StreamName } from '#lib/messaging';

const PAGE = 500;

/**
 * The newest `count` entries that `accept` makes something of, newest first. A JetStream stream is read from its oldest message on, so at no time more than
 * `count` entries and one page are held.
 */
export async function newest<T>(
  bus: Pick<Bus, 'list'>,
  stream: StreamName,
  filter: string,
  count: number,
  accept: (message: StoredMessage) => T | undefined,
): Promise<T[]> {
  let kept: T[] = [];
  for (let after = 0; ;) {
    const page = await bus.list(stream, filter, { after, max: PAGE });
    for (const message of page) {
      const entry = accept(message);
      if (entry !== undefined) kept.push(entry);
    }
    if (kept.length > count) kept = kept.slice(-count);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return kept.toReversed();
    after = last.position;
  }
}

/** JSON of a stored message; undefined when it is none. */
export function jsonOf(message: StoredMessage): unknown {
  try {
    return JSON.parse(Buffer.from(message.body).toString('utf8'));
  } catch {
    return undefined;
  }
}
