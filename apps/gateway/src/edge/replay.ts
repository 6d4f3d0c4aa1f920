import { type DeadLetter, type InboundEvent, inboundSubject, SendRequest } from '#lib/contracts';
import { type Bus, BusError, type StoredMessage } from '#lib/messaging';
import { problem } from '../api/problem.ts';
import { jsonOf } from './newest.ts';

export type ReplayBus = Pick<Bus, 'list' | 'decodeInbound' | 'decodeTriggered' | 'publishInbound' | 'publishOutbound'>;

/**
 * Publishes a dead letter anew and answers the new message's id. An inbound message, or the one that a dead run was started by, becomes a new inbound
 * message of the same source without a running number: numbers are the connector's, and the ledger counts numberless messages in a row of their own.
 * A queued output is queued again. Throws 409 saying why when it can't be replayed.
 */
export async function replay(bus: ReplayBus, letter: DeadLetter, id: string, at: Date): Promise<string> {
  if (letter.replay === undefined)
    throw problem('Conflict', `A dead letter of stage ${letter.stage} with reason ${letter.reason} can't be replayed`);
  if (letter.truncated) throw problem('Conflict', "The dead letter doesn't hold the whole body any more, so it can't be replayed");
  const { subject, headers } = letter.replay;
  const body = Buffer.from(letter.body, 'base64');
  const stored: StoredMessage = { position: 0, subject, headers, body, time: letter.time };
  try {
    if (subject.startsWith('outbound.')) await replayOutbound(bus, stored, id, at);
    else await bus.publishInbound(anew(inboundOf(bus, stored), letter, id, at), id, undefined);
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    if (error.code === 'full') throw problem('Unavailable', 'Too many messages of this source wait already; try again', { cause: error });
    throw problem('Unavailable', 'The message could not be stored now; try again', { cause: error });
  }
  return id;
}

function inboundOf(bus: ReplayBus, stored: StoredMessage): InboundEvent {
  try {
    if (stored.subject.startsWith('inbound.')) return bus.decodeInbound(stored);
    const { inbound, body } = bus.decodeTriggered(stored);
    return { ...inbound, body };
  } catch (error) {
    throw problem('Conflict', "The dead letter doesn't hold a message that can be sent again", { cause: error });
  }
}

function anew(old: InboundEvent, letter: DeadLetter, id: string, at: Date): InboundEvent {
  const { number: _number, redelivered: _redelivered, ...kept } = old;
  // A letter names its own tenant; its replay must not reach another, whatever its headers say.
  if (old.applicationId !== letter.applicationId)
    throw problem('Conflict', `The dead letter doesn't belong to ${inboundSubject(letter.applicationId, letter.sourceId)}`);
  return { ...kept, id, time: at.toISOString(), attributes: { ...old.attributes, replayOf: letter.id } };
}

async function replayOutbound(bus: ReplayBus, stored: StoredMessage, id: string, at: Date): Promise<void> {
  const parsed = SendRequest.safeParse(jsonOf(stored));
  if (!parsed.success) throw problem('Conflict', "The dead letter doesn't hold a message that can be sent again");
  const request: SendRequest = { ...parsed.data, id, time: at.toISOString() };
  await bus.publishOutbound(stored.subject, Buffer.from(JSON.stringify(request)), id);
}
