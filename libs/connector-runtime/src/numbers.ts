import { NUMBER_SUBJECT, NumberReply } from '#lib/contracts';
import type { Bus, Position } from '#lib/messaging';

export interface Resumed {
  /** The highest number given so far. */
  readonly highest: number;
  /** Every message stored by an earlier holder stands at or before this. */
  readonly through: Position;
}

const ASK_TIMEOUT_MS = 2_000;

/**
 * Where the running numbers of an integration go on (docs/adr/0003): the stream first, then dispatch, as a message is purged only after its number is
 * committed. Call it with this holder's fence written. Rejects BusError, or an Error when dispatch can't tell: hold the messages and try again.
 */
export async function resumeNumbers(bus: Bus, applicationId: string, integrationId: string): Promise<Resumed> {
  const { end } = await bus.streamInfo('INBOUND');
  const stored = (await bus.lastInbound(applicationId, integrationId))?.number ?? 0;
  const answer = await bus.request(NUMBER_SUBJECT, Buffer.from(JSON.stringify({ applicationId, integrationId })), ASK_TIMEOUT_MS);
  const reply = NumberReply.parse(JSON.parse(Buffer.from(answer).toString()));
  if ('error' in reply) throw new Error(`dispatch could not tell the last number: ${reply.error}`);
  return { highest: Math.max(stored, reply.number), through: end };
}
