import { DeadLetter, DeadLetterItem, DeadLetterListParams, deadLetterSubject } from '#lib/contracts';
import type { Bus, StoredMessage } from '#lib/messaging';
import type { z } from 'zod';
import type { EdgeHandler } from '../api/api.ts';
import { notFound } from '../api/problem.ts';
import { jsonOf, newest } from './newest.ts';
import { type ReplayBus, replay } from './replay.ts';

/** Bodies of one answer, base64 characters; older letters beyond come with an empty, truncated body. */
const MAX_BODIES = 16 * 1024 * 1024;

const readLetter = (message: StoredMessage): DeadLetter | undefined => DeadLetter.safeParse(jsonOf(message)).data;

/** Newest first. */
export function deadLettersHandler(bus: Pick<Bus, 'list'>): EdgeHandler {
  return async ({ applicationId }, input) => {
    const { perPage, sourceId, reason } = DeadLetterListParams.parse(input.query);
    const letters = await newest(
      bus,
      'DEAD_LETTERS',
      deadLetterSubject(applicationId, sourceId?.toLowerCase() ?? '>'),
      perPage,
      (message) => {
        const letter = readLetter(message);
        return letter !== undefined && (reason === undefined || letter.reason === reason) ? letter : undefined;
      },
    );
    const items = boundBodies(letters).map(toItem);
    return { items, count: items.length, applicationId };
  };
}

function boundBodies(letters: readonly DeadLetter[]): DeadLetter[] {
  let left = MAX_BODIES;
  return letters.map((letter) => {
    left -= letter.body.length;
    return left >= 0 || letter.body.length === 0 ? letter : { ...letter, body: '', truncated: true };
  });
}

const toItem = ({ replay, ...shown }: DeadLetter): z.infer<typeof DeadLetterItem> => ({
  ...shown,
  replayable: replay !== undefined && !shown.truncated,
});

/** Sends a dead letter again as a new message that names the old one. */
export function replayHandler(bus: ReplayBus, newId: () => string, now: () => Date): EdgeHandler {
  return async ({ applicationId, id = '' }) => {
    const [letter] = await newest(bus, 'DEAD_LETTERS', deadLetterSubject(applicationId, '>'), 1, (message) => {
      const found = readLetter(message);
      return found?.id === id ? found : undefined;
    });
    if (letter === undefined) throw notFound('The dead letter');
    return { success: true, id: await replay(bus, letter, newId(), now()) };
  };
}
