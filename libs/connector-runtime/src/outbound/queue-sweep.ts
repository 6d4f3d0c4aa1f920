import type { Position } from '#lib/messaging';
import type { Shared } from '../shared.ts';
import type { Timer } from '../time/wheel.ts';

/** How often OUTBOUND is looked at for what came while nobody, or not yet everybody, was connected. */
const SWEEP_MS = 5_000;
const PAGE = 1_000;

export interface Sweep {
  /** Partitions were won: looks at all that is queued, and from then on at what is added. */
  again(): void;
  stop(): void;
}

/**
 * Tells which integrations have queued outputs. A runner queues after it was answered `disconnected`, perhaps when the link is just up again, so connecting alone
 * is no sign. One request every few seconds for the process; messages are listed only when new ones are there.
 */
export function sweepQueue(shared: Shared, found: (integrationId: string, applicationId: string) => void, swept: () => void): Sweep {
  let through: Position = 0;
  let stopped = false;
  let running = false;
  let afresh = false;
  let timer: Timer | undefined;

  const sweep = async (): Promise<void> => {
    if (afresh) through = 0;
    afresh = false;
    const { end, messages } = await shared.bus.streamInfo('OUTBOUND');
    const seen = new Set<string>();
    while (messages > 0 && through < end && !stopped) {
      const page = await shared.bus.list('OUTBOUND', `outbound.${shared.type}.>`, { after: through, max: PAGE });
      for (const { subject, position } of page) {
        through = Math.max(through, position);
        seen.add(subject);
      }
      if (page.length < PAGE) break;
    }
    through = Math.max(through, end);
    for (const subject of seen) {
      const [, , , applicationId = '', integrationId = ''] = subject.split('.');
      found(integrationId, applicationId);
    }
  };
  const run = async (): Promise<void> => {
    if (stopped || running) return;
    running = true;
    timer?.cancel();
    try {
      do await sweep();
      while (afresh);
      swept();
    } catch (error) {
      shared.log.debug({ err: error }, 'the queued outputs could not be looked at: later');
    }
    running = false;
    timer = shared.wheel.after(SWEEP_MS * (0.75 + shared.clock.random() / 2), () => void run());
  };
  return {
    again: () => {
      afresh = true;
      void run();
    },
    stop: () => {
      stopped = true;
      timer?.cancel();
    },
  };
}
