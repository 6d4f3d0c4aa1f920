import { EventStoreError } from './error.ts';
import type { StoredEvent } from './event.ts';

/** Lifts a state from one version of its shape to the next. Pure; never changed once events of that version are stored. */
export type Upcaster = (state: Record<string, unknown>) => Record<string, unknown>;

/** By event type, then by the version to lift *from*. A type that is not named is at version 1. */
export type Upcasters = Readonly<Record<string, Readonly<Record<number, Upcaster>>>>;

/** The version that events of a type are written with: one beyond its last upcaster. */
export const schemaVersionOf = (upcasters: Upcasters, type: string): number =>
  Math.max(1, ...Object.keys(upcasters[type] ?? {}).map((from) => Number(from) + 1));

/** The event in today's shape. EventStoreError `unreadable` when a newer program wrote it, or a step is missing. */
export function upcast(upcasters: Upcasters, event: StoredEvent): StoredEvent {
  const current = schemaVersionOf(upcasters, event.type);
  if (event.schemaVersion > current)
    throw new EventStoreError(
      'unreadable',
      `Event ${event.position} (${event.type}) has version ${event.schemaVersion}; this program knows ${current}: run a newer one.`,
    );
  let { state } = event;
  for (let version = event.schemaVersion; version < current; version++) {
    const step = upcasters[event.type]?.[version];
    if (step === undefined) throw new EventStoreError('unreadable', `Nothing lifts ${event.type} from version ${version}.`);
    if (state !== null) state = step(state as Record<string, unknown>);
  }
  return { ...event, schemaVersion: current, state };
}
