import { Heartbeat, PARTITIONS } from '#lib/contracts';
import { z } from 'zod';

/** Value of `lease.<service>.<p>`; holder null = given back. The token stays, so that the next one is higher. */
const LeaseRecord = z.object({ holder: z.string().nullable(), token: z.number() });
type LeaseRecord = z.infer<typeof LeaseRecord>;

export interface SeenLease extends LeaseRecord {
  readonly revision: number;
}

interface SeenHeartbeat {
  /** Our monotonic clock when it last changed. */
  readonly seenAt: number;
  /** The holder's wall clock, ms. */
  readonly at: number;
}

/** A heartbeat this many lease times old by the wall clock at our first sight of it is dead whatever the clocks' skew. */
const OLD_AT_FIRST_SIGHT = 6;

/** What this replica has seen of a service's leases and heartbeats. Ages are by its own monotonic clock, so other machines' clocks don't matter. */
export class LeaseView {
  readonly #leases = new Map<number, SeenLease>();
  readonly #heartbeats = new Map<string, SeenHeartbeat>();
  readonly #leasePrefix: string;
  readonly #heartbeatPrefix: string;

  constructor(
    service: string,
    readonly leaseMs: number,
  ) {
    this.#leasePrefix = `lease.${service}.`;
    this.#heartbeatPrefix = `replica.${service}.`;
  }

  leaseKey = (partition: number): string => `${this.#leasePrefix}${partition}`;
  heartbeatKey = (replicaId: string): string => `${this.#heartbeatPrefix}${replicaId}`;
  lease = (partition: number): SeenLease | undefined => this.#leases.get(partition);
  heartbeatOf = (replicaId: string): SeenHeartbeat | undefined => this.#heartbeats.get(replicaId);
  replicas = (): IterableIterator<string> => this.#heartbeats.keys();

  /** Takes in an entry of the bucket; says whether it was one of this service. */
  observe(key: string, value: Uint8Array | undefined, revision: number, clock: { monotonic(): number; wall(): number }): boolean {
    if (key.startsWith(this.#leasePrefix)) {
      const partition = Number(key.slice(this.#leasePrefix.length));
      if (!Number.isInteger(partition) || partition < 0 || partition >= PARTITIONS) return false;
      if (revision < (this.#leases.get(partition)?.revision ?? 0)) return false;
      const record = value === undefined ? undefined : parse(LeaseRecord, value);
      this.#leases.set(partition, { holder: null, token: this.#leases.get(partition)?.token ?? 0, ...record, revision });
      return true;
    }
    if (!key.startsWith(this.#heartbeatPrefix)) return false;
    const replicaId = key.slice(this.#heartbeatPrefix.length);
    const heartbeat = value === undefined ? undefined : parse(Heartbeat, value);
    if (heartbeat === undefined) return this.#heartbeats.delete(replicaId);
    const first = !this.#heartbeats.has(replicaId);
    const old = first && clock.wall() - heartbeat.at > OLD_AT_FIRST_SIGHT * this.leaseMs;
    this.#heartbeats.set(replicaId, { seenAt: old ? -Infinity : clock.monotonic(), at: heartbeat.at });
    return true;
  }

  record(partition: number, lease: SeenLease): void {
    this.#leases.set(partition, lease);
  }

  isAlive(replicaId: string, now: number): boolean {
    const heartbeat = this.#heartbeats.get(replicaId);
    return heartbeat !== undefined && now - heartbeat.seenAt < this.leaseMs;
  }

  /** When this replica was silent for so long that nobody needs its heartbeat any more. */
  isForgettable(replicaId: string, now: number): boolean {
    const heartbeat = this.#heartbeats.get(replicaId);
    if (heartbeat === undefined || now - heartbeat.seenAt < OLD_AT_FIRST_SIGHT * this.leaseMs) return false;
    return ![...this.#leases.values()].some(({ holder }) => holder === replicaId);
  }
}

export const encodeLease = (record: LeaseRecord): Uint8Array => Buffer.from(JSON.stringify(record));
export const encodeHeartbeat = (heartbeat: Heartbeat): Uint8Array => Buffer.from(JSON.stringify(heartbeat));

function parse<T>(schema: z.ZodType<T>, value: Uint8Array): T | undefined {
  try {
    return schema.safeParse(JSON.parse(Buffer.from(value).toString())).data;
  } catch {
    return undefined; // not JSON, so not written by us: as if it weren't there
  }
}

export interface OwnershipPlan {
  /** Partitions to claim now, in the order to try them. */
  readonly claim: readonly number[];
  readonly giveBack: readonly number[];
}

/** What one replica should do: hold up to ⌈64/replicas⌉, taking only free ones and giving back what is over. */
export function planOwnership(view: LeaseView, me: string, held: ReadonlySet<number>, now: number): OwnershipPlan {
  let replicas = 1;
  for (const replica of view.replicas()) if (replica !== me && view.isAlive(replica, now)) replicas++;
  const share = Math.ceil(PARTITIONS / replicas);
  if (held.size > share) return { claim: [], giveBack: [...held].sort((a, b) => b - a).slice(0, held.size - share) };
  const claim: number[] = [];
  const start = startOf(me);
  for (let step = 0; step < PARTITIONS && held.size + claim.length < share; step++) {
    const partition = (start + step) % PARTITIONS;
    if (held.has(partition)) continue;
    const holder = view.lease(partition)?.holder ?? null;
    if (holder === null || holder === me || !view.isAlive(holder, now)) claim.push(partition);
  }
  return { claim, giveBack: [] };
}

/** Replicas begin their search at different partitions, so that they seldom try for the same one. */
function startOf(replicaId: string): number {
  let sum = 0;
  for (const character of replicaId) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % PARTITIONS;
  return sum;
}
