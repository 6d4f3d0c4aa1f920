import type { ConfigStates, LiveKind } from '#lib/contracts';
import type { StoredEvent } from '#lib/event-sourcing';
import { type Bus, BusError, type ConfigChange } from '#lib/messaging';
import type { DataKeys } from './persistence/data-keys.ts';

/** How long the bus keeps a deletion, seconds: a consumer that was away longer starts from nothing. */
const DELETION_TTL_SECONDS = 30 * 86_400;
/** How often a publish is tried again at once because another relay wrote the subject in between. */
const RACES = 5;

const changeOf = (event: StoredEvent, epoch: number): ConfigChange => ({
  kind: event.kind as LiveKind,
  type: event.subtype,
  applicationId: event.applicationId,
  id: event.streamId,
  event: event.type,
  epoch,
  version: event.version,
  eventPosition: event.position,
  actor: event.actor,
  time: event.time,
  state: event.state as ConfigStates[LiveKind] | null,
});

/** Publishes an event to CONFIG. An application's data key is where connectors find it before anything sealed with it, and gone once it is deleted. */
export async function publishEvent(bus: Bus, keys: DataKeys, event: StoredEvent, epoch: number): Promise<void> {
  if (event.type === 'ApplicationCreated') await keys.publish(event.applicationId);
  for (let race = 1; ; race++) {
    try {
      await bus.publishConfig(changeOf(event, epoch), event.state === null ? { ttlSeconds: DELETION_TTL_SECONDS } : {});
      break;
    } catch (error) {
      // Another relay wrote the subject between the look at it and the write: look again.
      if (!(error instanceof BusError) || error.code !== 'sequence' || race === RACES) throw error;
    }
  }
  if (event.type === 'ApplicationDeleted') await keys.purge(event.applicationId);
}
