import type { EgressPolicy } from '#lib/egress';
import type { EventStore, Query } from '#lib/event-sourcing';
import type { Logger } from '#lib/platform';
import type { DataKeys } from '../persistence/data-keys.ts';
import type { Turns } from './turns.ts';

/** What handlers work with. */
export interface ConfigContext {
  readonly store: EventStore;
  readonly database: Query;
  readonly keys: DataKeys;
  readonly egress: EgressPolicy;
  readonly log: Logger;
  readonly turns: Turns;
  /** Epoch ms. */
  now(): number;
  /** 24 hexadecimal characters. */
  newId(): string;
  random(bytes: number): Buffer;
}
