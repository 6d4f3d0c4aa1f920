import type { Bus, ConfigFollower } from '#lib/messaging';
import type { Logger } from '#lib/platform';
import type { Catalog } from '../catalog.ts';
import type { Database } from '../persistence/ledger-reader.ts';

/** What the handlers of commands and queries work with. */
export class DispatchContext {
  constructor(
    readonly bus: Bus,
    readonly database: Database,
    readonly catalog: Catalog,
    readonly follower: ConfigFollower,
    readonly log: Logger,
  ) {}
}
