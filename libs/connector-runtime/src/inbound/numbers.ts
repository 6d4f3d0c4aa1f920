import { type InboundEvent, NUMBER_SUBJECT, NumberReply } from '#lib/contracts';
import type { Bus, Position, StoredAt } from '#lib/messaging';

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

/** Gives the running numbers of one integration, each to one message that is stored. */
export class Numbering {
  #next: number | undefined;
  /** All that is stored of this integration, as far as we know, stands at or before this. */
  #through: Position = 0;

  /** Until then no message can have a number. */
  get resumed(): boolean {
    return this.#next !== undefined;
  }

  resume({ highest, through }: Resumed): void {
    this.#through = through;
    this.#next = highest + 1;
  }

  /** The next number, unless it has one. */
  giveTo(event: InboundEvent): void {
    if (this.#next !== undefined) event.number ??= this.#next++;
  }

  /** Its number was not used: the next message gets it. False where it can't, as later ones were given: that leaves a hole. */
  takeBack(event: InboundEvent): boolean {
    const { number } = event;
    if (number === undefined) return true;
    delete event.number;
    if (this.#next !== number + 1) return false;
    this.#next = number;
    return true;
  }

  stored(position: Position): void {
    if (position > this.#through) this.#through = position;
  }

  /** The bus knew the id before. A duplicate that stands after all we know of is no redelivery: it is our own earlier try, whose outcome was unknown. */
  isRedelivery({ duplicate, position }: StoredAt): boolean {
    return duplicate && position <= this.#through;
  }
}
