import type { ConnectionState, StatusRecord } from '#lib/contracts';
import { type Identity, statusKey } from '../identity.ts';
import type { Shared } from '../shared.ts';

/** What of a status may change with an event; `undefined` clears, absent keeps. */
export type Change = Partial<Pick<StatusRecord, 'reason' | 'evidence' | 'nextAttempt' | 'connectInfo' | 'disconnectInfo'>> & {
  readonly state?: ConnectionState;
  readonly appliedVersion?: number;
};

/** The observed state of one integration: written when it changes, told to viewers when what they see of it changes. */
export class Observed {
  readonly #shared: Shared;
  readonly #of: Identity;
  /** Of a holder before: when it last came and went is still true, its state isn't. */
  readonly #carried: Pick<StatusRecord, 'connectInfo' | 'disconnectInfo'>;
  #record: StatusRecord | undefined;

  constructor(shared: Shared, of: Identity, previous: StatusRecord | undefined) {
    this.#shared = shared;
    this.#of = of;
    this.#carried = { connectInfo: previous?.connectInfo, disconnectInfo: previous?.disconnectInfo };
  }

  get state(): ConnectionState | undefined {
    return this.#record?.state;
  }
  get reason(): string | undefined {
    return this.#record?.reason;
  }

  set(change: Change): void {
    const before = this.#record;
    const state = change.state ?? before?.state ?? 'connecting';
    const merged: StatusRecord = {
      ...(before ?? { ...this.#carried, appliedVersion: 0 }),
      ...change,
      holder: this.#shared.replicaId,
      service: this.#shared.service,
      state,
      since: before?.state === state ? before.since : this.#shared.clock.epoch(),
      appliedVersion: change.appliedVersion ?? before?.appliedVersion ?? 0,
    };
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(merged)) return;
    this.#record = merged;
    this.#shared.statuses.set(statusKey(this.#of), merged);
    if (before?.state !== state || before.reason !== merged.reason) this.#shared.statuses.announce(this.#of, merged);
  }

  /** Forgets what isn't written: the partition is another's. */
  drop(): void {
    this.#shared.statuses.drop(statusKey(this.#of));
  }

  /** Removes it: the integration is gone. */
  purge(): void {
    this.#shared.statuses.purge(statusKey(this.#of));
  }
}
