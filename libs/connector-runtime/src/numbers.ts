import { NUMBER_SUBJECT, NumberReply, inboundSubject } from '#lib/contracts';
import type { Bus, Position } from '#lib/messaging';

export interface Resumed {
  /** The highest number given so far. */
  readonly highest: number;
  /** Every message stored by an earlier holder stands at or before this. */
  readonly through: Position;
}

const ASK_TIMEOUT_MS = 2_000;
const PAGE = 200;

/** The highest number among an integration's stored messages. Its last one may be a connect or disconnect, which has none: then all are looked at. */
async function highestStored(bus: Bus, applicationId: string, integrationId: string): Promise<number> {
  const last = await bus.lastInbound(applicationId, integrationId);
  if (last === undefined) return 0;
  if (last.number !== undefined) return last.number;
  let highest = 0;
  let after: Position = 0;
  for (;;) {
    const page = await bus.list('INBOUND', inboundSubject(applicationId, integrationId), { after, max: PAGE });
    for (const message of page) {
      highest = Math.max(highest, bus.decodeInbound(message).number ?? 0);
      after = message.position;
    }
    if (page.length < PAGE) return highest;
  }
}

/**
 * Where the running numbers of an integration go on (docs/adr/0003): the stream first, then dispatch, as a message is purged only after its number is
 * committed. Call it with this holder's fence written. Rejects BusError, or an Error when dispatch can't tell: hold the messages and try again.
 */
export async function resumeNumbers(bus: Bus, applicationId: string, integrationId: string): Promise<Resumed> {
  const { end } = await bus.streamInfo('INBOUND');
  const stored = await highestStored(bus, applicationId, integrationId);
  const answer = await bus.request(NUMBER_SUBJECT, Buffer.from(JSON.stringify({ applicationId, integrationId })), ASK_TIMEOUT_MS);
  const reply = NumberReply.parse(JSON.parse(Buffer.from(answer).toString()));
  if ('error' in reply) throw new Error(`dispatch could not tell the last number: ${reply.error}`);
  return { highest: Math.max(stored, reply.number), through: end };
}
