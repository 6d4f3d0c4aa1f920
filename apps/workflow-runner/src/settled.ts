import { SettledReply, settledSubject } from '#lib/contracts';
import { type Bus, BusError, type Position } from '#lib/messaging';

/** How long dispatch may take to say it from memory, ms. */
const WITHIN_MS = 2_000;

/**
 * How far a partition of TRIGGERED may be purged for dispatch's sake: after a take-over it looks there for what it has published and not committed (docs/adr/0024). 0 while no
 * dispatch says so.
 */
export async function settledThrough(bus: Pick<Bus, 'request'>, partition: number): Promise<Position> {
  try {
    const answer = await bus.request(settledSubject(partition), new Uint8Array(), WITHIN_MS);
    return SettledReply.parse(JSON.parse(Buffer.from(answer).toString())).through;
  } catch (error) {
    if (error instanceof BusError) return 0; // nobody holds the partition just now: it is asked again
    throw error;
  }
}
