import { randomUUID } from 'node:crypto';
import type { InboundEvent } from '#lib/contracts';
import type { Bus, ConfigFollower } from '#lib/messaging';
import { backOff } from '#lib/partitions';
import type { Firing } from './timers.ts';

/** How long a firing that can't be stored is tried again, ms; then it is lost, as one is whose time no holder saw. */
const PATIENCE_MS = 30_000;

export interface FiringContext {
  readonly bus: Pick<Bus, 'publishInbound'>;
  readonly follower: Pick<ConfigFollower, 'sequence'>;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** Stores a firing as an inbound event of its workflow. */
export async function storeFiring({ bus, follower, signal, onError }: FiringContext, firing: Firing): Promise<void> {
  const { applicationId, workflowId, key, at } = firing;
  const event: InboundEvent = {
    type: 'timer',
    id: randomUUID(),
    applicationId,
    sourceId: workflowId,
    sourceType: 'timer',
    time: new Date(at).toISOString(),
    configSequence: follower.sequence,
    attributes: { key, at },
    body: new Uint8Array(),
  };
  for (let attempt = 0; !signal.aborted && Date.now() - at < PATIENCE_MS; attempt++) {
    try {
      await bus.publishInbound(event, `${workflowId}:timer:${at}:${key}`, undefined);
      return;
    } catch (error) {
      onError(error);
      await backOff(attempt, signal);
    }
  }
}
