export * from './database.ts';
export * from './decider.ts';
export { EventStoreError, type EventStoreErrorCode, sqlState } from './error.ts';
export type { EventActor, NewEvent, StoredEvent, StreamKey } from './event.ts';
export * from './event-store.ts';
export { eventStoreMigrations } from './migrations.ts';
export {
  findModel,
  findModels,
  listEntries,
  modelExists,
  type ListEntry,
  type Project,
  type Query,
  type ReadModel,
} from './read-models.ts';
export * from './rebuild.ts';
export * from './relay.ts';
export * from './upcast.ts';
