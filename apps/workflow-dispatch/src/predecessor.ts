import { triggeredFilter } from '#lib/contracts';
import type { Bus, Position } from '#lib/messaging';

/** What is stored of an inbound message's fan-out. */
export interface StoredFanOut {
  /** Every workflow that the message starts. */
  readonly all: readonly string[];
  readonly stored: ReadonlySet<string>;
  /** CONFIG sequence the decision was made at. */
  readonly decidedAt: number;
}

/** Messages of TRIGGERED looked at in one request. */
const PAGE = 1_000;

/**
 * What earlier holders have published of a partition beyond what they committed: by inbound position (docs/adr/0001). The runner purges nothing of this
 * before it is committed.
 */
export async function readPredecessor(
  bus: Pick<Bus, 'list' | 'decodeTriggered'>,
  partition: number,
  committed: Position,
): Promise<Map<Position, StoredFanOut>> {
  const found = new Map<Position, { all: readonly string[]; stored: Set<string>; decidedAt: number }>();
  let after: Position = 0;
  for (;;) {
    const page = await bus.list('TRIGGERED', triggeredFilter(partition), { after, max: PAGE });
    for (const message of page) {
      after = message.position;
      const event = bus.decodeTriggered(message);
      if (event.inboundSequence <= committed) continue;
      const fanOut = found.get(event.inboundSequence);
      if (fanOut === undefined)
        found.set(event.inboundSequence, {
          all: event.fanOut ?? [event.workflowId],
          stored: new Set([event.workflowId]),
          decidedAt: event.decidedAt,
        });
      else fanOut.stored.add(event.workflowId);
    }
    if (page.length < PAGE) return found;
  }
}
