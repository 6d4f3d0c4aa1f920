/** Names one aggregate. */
export interface StreamKey {
  readonly kind: string;
  readonly id: string;
}

/** Who did it. */
export interface EventActor {
  readonly type: string;
  readonly id: string;
}

/** A fact to be appended. It carries the aggregate's *whole* new state; null: the aggregate is gone. */
export interface NewEvent {
  readonly kind: string;
  readonly streamId: string;
  readonly applicationId: string;
  /** A word that subscribers select by: the integration type, else `-`. */
  readonly subtype: string;
  /** How many events the stream has: 0 creates it. */
  readonly expectedVersion: number;
  /** `IntegrationUpdated`, … */
  readonly type: string;
  /** Version of the state's shape, from 1. */
  readonly schemaVersion: number;
  readonly state: unknown;
}

export interface StoredEvent extends Omit<NewEvent, 'expectedVersion'> {
  /** From 1 without holes, in the order of commits. */
  readonly position: number;
  /** UUID v7. */
  readonly id: string;
  /** The event's number in its stream, from 1. */
  readonly version: number;
  readonly actor: EventActor;
  /** ISO 8601. */
  readonly time: string;
}

/** A row of `events` as PostgreSQL gives it. */
export interface EventRow {
  position: string;
  id: string;
  kind: string;
  stream_id: string;
  application_id: string;
  subtype: string;
  version: number;
  type: string;
  schema_version: number;
  state: unknown;
  actor: EventActor;
  time: Date;
}

export const fromRow = (row: EventRow): StoredEvent => ({
  position: Number(row.position),
  id: row.id,
  kind: row.kind,
  streamId: row.stream_id,
  applicationId: row.application_id,
  subtype: row.subtype,
  version: row.version,
  type: row.type,
  schemaVersion: row.schema_version,
  state: row.state,
  actor: row.actor,
  time: row.time.toISOString(),
});
