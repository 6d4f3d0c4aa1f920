import { triggeredFilter } from '#lib/contracts';
import type { Bus, Position, StoredMessage, StoredTriggered } from '#lib/messaging';

/** What is stored of an inbound message's fan-out. */
export interface StoredFanOut {
  /** Every workflow that the message starts. */
  readonly all: readonly string[];
  /** What was dispatched. */
  readonly inbound: Pick<StoredTriggered['inbound'], 'type' | 'applicationId' | 'time'>;
  readonly stored: ReadonlySet<string>;
  /** CONFIG sequence the decision was made at. */
  readonly decidedAt: number;
}

/** By inbound position. */
export type FanOuts = ReadonlyMap<Position, StoredFanOut>;
export const NO_FAN_OUTS: FanOuts = new Map();

/** Messages of TRIGGERED looked at in one request. */
const PAGE = 250;

export interface Reading {
  /** Of INBOUND: what was made from messages up to here is left out. */
  readonly committed: Position;
  /** Of TRIGGERED: what is stored up to here is looked for on record only. */
  readonly from: Position;
  readonly recorded: FanOuts;
}

/**
 * What is stored of a partition beyond what is committed (docs/adr/0001), on record or in TRIGGERED, of which the runner purges nothing before that (docs/adr/0024). `through`: the last that
 * was looked at. What can't be read is the runner's to bury.
 */
export async function readFanOuts(
  bus: Pick<Bus, 'list' | 'decodeTriggered'>,
  partition: number,
  { committed, from, recorded }: Reading,
): Promise<{ readonly fanOuts: FanOuts; readonly through: Position }> {
  const found = new Map<Position, StoredFanOut & { readonly stored: Set<string> }>();
  for (const [position, fanOut] of recorded) if (position > committed) found.set(position, { ...fanOut, stored: new Set(fanOut.stored) });
  let through = from;
  for (;;) {
    const page = await bus.list('TRIGGERED', triggeredFilter(partition), { after: through, max: PAGE });
    for (const message of page) {
      through = message.position;
      const event = readable(bus, message);
      if (event === undefined || event.inboundSequence <= committed) continue;
      const fanOut = found.get(event.inboundSequence);
      if (fanOut === undefined)
        found.set(event.inboundSequence, {
          all: event.fanOut ?? [event.workflowId],
          inbound: event.inbound,
          stored: new Set([event.workflowId]),
          decidedAt: event.decidedAt,
        });
      else fanOut.stored.add(event.workflowId);
    }
    if (page.length < PAGE) return { fanOuts: found, through };
  }
}

function readable(bus: Pick<Bus, 'decodeTriggered'>, message: StoredMessage): StoredTriggered | undefined {
  try {
    return bus.decodeTriggered(message);
  } catch {
    return undefined; // nothing that dispatch has published
  }
}
