import { configSubject, type ConfigStates, type IntegrationType, type LiveKind } from '#lib/contracts';
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

/** True when the bus has this state of the aggregate, or a newer one. */
const isKnown = (headers: Readonly<Record<string, string>>, version: number, epoch: number): boolean => {
  const [knownEpoch, knownVersion] = [Number(headers['ce-epoch']), Number(headers['ce-version'])];
  return knownEpoch > epoch || (knownEpoch === epoch && knownVersion >= version);
};

/** Publishes an event to CONFIG, unless the bus has that state or a newer one. */
export async function publishState(bus: Pick<Bus, 'last' | 'publishConfig'>, event: StoredEvent, epoch: number): Promise<void> {
  const change = changeOf(event, epoch);
  const subject = configSubject(change.kind, change.type as IntegrationType | '-', change.applicationId, change.id);
  for (let race = 1; ; race++) {
    const last = await bus.last('CONFIG', subject);
    if (last !== undefined && isKnown(last.headers, change.version, change.epoch)) return;
    try {
      const ttlSeconds = change.state === null ? DELETION_TTL_SECONDS : undefined;
      await bus.publishConfig(change, { expected: last?.position ?? 0, ttlSeconds });
      return;
    } catch (error) {
      // Another relay wrote the subject between the look at it and the write: look again.
      if (!(error instanceof BusError) || error.code !== 'sequence' || race === RACES) throw error;
    }
  }
}

/** {@link publishState}. An application's data key is where connectors find it before anything sealed with it, and gone once it is deleted. */
export async function publishEvent(bus: Bus, keys: DataKeys, event: StoredEvent, epoch: number): Promise<void> {
  if (event.type === 'ApplicationCreated') await keys.publish(event.applicationId);
  await publishState(bus, event, epoch);
  if (event.type === 'ApplicationDeleted') await keys.purge(event.applicationId);
}
