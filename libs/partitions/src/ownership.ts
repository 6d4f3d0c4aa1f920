import type { Bus } from '#lib/messaging';
import type { OwnershipClock } from './heartbeats.ts';

export type { OwnershipClock } from './heartbeats.ts';

/** A partition that this replica holds. */
export interface Lease {
  readonly partition: number;
  /** The fencing number: strictly rising for each partition and service. */
  readonly token: number;
  /** When the holder before us was last seen alive (epoch ms), if there was one that did not give it back. */
  readonly deadSince?: number;
}

export interface OwnershipOptions {
  readonly bus: Bus;
  /** Whose leases: `dispatch`, `runner`, `connector-mqtt`. */
  readonly service: string;
  /** Unique among the replicas that run now. One that comes back under its old name takes its old leases at once, with higher tokens. */
  readonly replicaId: string;
  /** Nobody else can hold anything (standalone, which locks its data folder): take all leases at once with a higher token, waiting for none. */
  readonly alone: boolean;
  /** A partition was won: act on it from now on. Called for all at a start together, so read shared things once. */
  readonly acquired: (leases: readonly Lease[]) => Promise<void>;
  /**
   * Stop acting on it. `lost`: at once, before the lease can expire, perhaps while `acquired` is still running for it; `released`: finish and commit first;
   * it is given away once this resolves, and never comes before `acquired` has settled.
   */
  readonly released: (leases: readonly Lease[], why: 'lost' | 'released') => Promise<void>;
  /** Failures that are retried: for the log. */
  readonly onError: (error: unknown) => void;
  /** For tests. Default: the machine's clocks. */
  readonly clock?: OwnershipClock;
  /** For tests, ms. Default {@link HEARTBEAT_MS} and {@link LEASE_MS}. */
  readonly timing?: { readonly heartbeat: number; readonly lease: number };
}

export interface Ownership {
  readonly held: ReadonlyMap<number, Lease>;
  /** Ready once every partition it should hold is held and `acquired` has resolved for it. When `acquired` rejects, the partitions are given back and claimed again later. */
  ready(): { readonly ok: boolean; readonly reason?: string };
  /** Gives everything back and leaves. */
  stop(): Promise<void>;
}
