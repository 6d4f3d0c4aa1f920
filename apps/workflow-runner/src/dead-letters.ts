import { randomUUID } from 'node:crypto';
import { triggeredSubject, type DeadLetter, type InboundEvent } from '#lib/contracts';
import { letterOf, unstored, type Bus, type StoredTriggered } from '#lib/messaging';
import type { Poison } from '#lib/partitions';
import { backOff } from './backoff.ts';
import { OMITTED } from './shown.ts';

type LetterBus = Pick<Bus, 'list' | 'publishDeadLetter' | 'publishActivity'>;
type Letter = Omit<DeadLetter, 'id' | 'time' | 'size' | 'sha256' | 'body' | 'truncated'>;

/** A run that was interrupted too often: it can be replayed as its inbound message. False: not stored, as the service ends. */
export async function buryRun(bus: LetterBus, event: StoredTriggered, message: string, keepTrying: KeepTrying): Promise<boolean> {
  const { applicationId, workflowId, position, inbound } = event;
  const subject = triggeredSubject(applicationId, workflowId);
  const stored = await persist(keepTrying, () => bus.list('TRIGGERED', subject, { after: position - 1, max: 1 }));
  const headers = stored?.find((found) => found.position === position)?.headers;
  const letter: Letter = {
    applicationId,
    sourceId: inbound.sourceId,
    stage: 'run',
    reason: 'attempts',
    message,
    attributes: { ...inbound.attributes, runId: event.id, flowId: workflowId },
    ...(headers === undefined ? {} : { replay: { subject, headers } }),
  };
  return await bury(bus, letter, event.body, keepTrying);
}

/** The error of a failed run that could not be stored for flowError triggers: it can be replayed. False: not stored, as the service ends. */
export async function buryFlowError(bus: LetterBus, error: InboundEvent, keepTrying: KeepTrying): Promise<boolean> {
  const { applicationId, sourceId, id } = error;
  const letter: Letter = {
    applicationId,
    sourceId,
    stage: 'run',
    reason: 'flowError',
    message: 'The error of a run started no flowError trigger: the stream INBOUND is full. A replay starts them.',
    attributes: { eventId: id, flowId: sourceId },
  };
  const whole = unstored(error);
  // A letter that holds a part only could not be replayed.
  const held = whole.truncated ? unstored({ ...error, attributes: { ...error.attributes, erroredPayload: OMITTED } }) : whole;
  return await store(bus, { ...letter, ...held }, keepTrying);
}

/** A stored message that can't be read. False: not stored, as the service ends. */
export async function buryPoison(bus: LetterBus, poison: Poison, keepTrying: KeepTrying): Promise<boolean> {
  const [, , applicationId = '-', workflowId = '-'] = poison.subject.split('.');
  const letter: Letter = {
    applicationId,
    sourceId: workflowId,
    stage: 'run',
    reason: 'poison',
    message: poison.reason,
    attributes: {},
  };
  return await bury(bus, letter, poison.body, keepTrying);
}

const bury = (bus: LetterBus, letter: Letter, body: Uint8Array, keepTrying: KeepTrying): Promise<boolean> =>
  store(bus, { ...letter, ...letterOf(body) }, keepTrying);

async function store(bus: LetterBus, letter: Omit<DeadLetter, 'id' | 'time'>, keepTrying: KeepTrying): Promise<boolean> {
  const complete: DeadLetter = { ...letter, id: randomUUID(), time: new Date().toISOString() };
  if ((await persist(keepTrying, () => bus.publishDeadLetter(complete))) === undefined) return false;
  const { id, time, applicationId, sourceId, reason, message } = complete;
  bus.publishActivity({ kind: 'deadLetter', id: sourceId, applicationId, time, body: { id, reason, message, stage: 'run' } });
  return true;
}

/** When to give up, and whom to tell of a try that failed. */
export interface KeepTrying {
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** Repeats what must not be skipped until it succeeds; undefined when the service ends first. */
export async function persist<T>({ signal, onError }: KeepTrying, work: () => Promise<T>): Promise<T | undefined> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await work();
    } catch (error) {
      onError(error);
      await backOff(attempt, signal);
    }
  }
  return undefined;
}
