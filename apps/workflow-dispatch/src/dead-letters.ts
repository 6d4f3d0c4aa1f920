import type { DeadLetter, InboundEvent } from '#lib/contracts';
import { letterOf, type Bus } from '#lib/messaging';
import { backOff } from '#lib/partitions';

type Letter = Pick<DeadLetter, 'id' | 'applicationId' | 'sourceId' | 'reason' | 'message' | 'attributes'>;

/** Stores what dispatch can do nothing with, and tries until that is done. False when the service, or its hold on the partition, ended before. */
export async function bury(
  bus: Pick<Bus, 'publishDeadLetter' | 'publishActivity'>,
  letter: Letter,
  body: Uint8Array,
  keepTrying: { readonly signal: AbortSignal; readonly onError: (error: unknown) => void },
): Promise<boolean> {
  const complete: DeadLetter = {
    ...letter,
    stage: 'dispatch',
    time: new Date().toISOString(),
    ...letterOf(body),
  };
  for (let attempt = 0; ; attempt++) {
    try {
      await bus.publishDeadLetter(complete);
      break;
    } catch (error) {
      keepTrying.onError(error);
      if (!(await backOff(attempt, keepTrying.signal))) return false;
    }
  }
  const { id, time, applicationId, sourceId, reason, message } = complete;
  bus.publishActivity({ kind: 'deadLetter', id: sourceId, applicationId, time, body: { id, reason, message, stage: 'dispatch' } });
  return true;
}

/** The last time that has four digits for its year, epoch ms. */
const LATEST = Date.UTC(9_999, 11, 31);

const isTime = (text: unknown): boolean => {
  const time = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return time >= 0 && time <= LATEST;
};

/** Why nothing can be decided or counted about an event although it could be read; undefined when it can. PostgreSQL takes neither other times nor NUL. */
export function unusable({ time, type, number, sourceType, attributes }: InboundEvent): string | undefined {
  if (!isTime(time)) return 'its time is none';
  if (number !== undefined && !(Number.isSafeInteger(number) && number > 0)) return 'its running number is none';
  if (sourceType.includes('\0')) return 'the type of its source is none';
  if (type === 'gap' && !(isTime(attributes['from']) && isTime(attributes['to']))) return 'the bounds of the gap are no times';
  if (type === 'timer' && !Number.isSafeInteger(attributes['at'])) return 'the instant of the firing is none';
  return undefined;
}
