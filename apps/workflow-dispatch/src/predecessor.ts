import { triggeredFilter } from '#lib/contracts';
import type { Bus, Position, StoredMessage, StoredTriggered } from '#lib/messaging';

/** What is stored of an inbound message's fan-out. */
export interface StoredFanOut {
  /** Every workflow that the message starts. */
  readonly all: readonly string[];
  /** What was dispatched. */
  readonly inbound: StoredTriggered['inbound'];
  readonly stored: ReadonlySet<string>;
  /** CONFIG sequence the decision was made at. */
  readonly decidedAt: number;
}

/** Messages of TRIGGERED looked at in one request. */
const PAGE = 250;

/**
 * What earlier holders have published of a partition beyond what they committed: by inbound position (docs/adr/0001). The runner purges nothing of this
 * before it is committed. `from`: only what is stored behind this position of TRIGGERED. What can't be read is the runner's to bury.
 */
export async function readPredecessor(
  bus: Pick<Bus, 'list' | 'decodeTriggered'>,
  partition: number,
  committed: Position,
  from: Position = 0,
): Promise<Map<Position, StoredFanOut>> {
  const found = new Map<Position, StoredFanOut & { readonly stored: Set<string> }>();
  let after = from;
  for (;;) {
    const page = await bus.list('TRIGGERED', triggeredFilter(partition), { after, max: PAGE });
    for (const message of page) {
      after = message.position;
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
    if (page.length < PAGE) return found;
  }
}

function readable(bus: Pick<Bus, 'decodeTriggered'>, message: StoredMessage): StoredTriggered | undefined {
  try {
    return bus.decodeTriggered(message);
  } catch {
    return undefined; // nothing that dispatch has published
  }
}
