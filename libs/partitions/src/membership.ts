import { HEARTBEAT_MS, LEASE_MS, PARTITIONS } from '#lib/contracts';
import { BusError, type KvBucket } from '#lib/messaging';
import { pause } from './backoff.ts';
import { Heartbeats, machineClock, type OwnershipClock } from './heartbeats.ts';
import { encodeLease, LeaseView, planOwnership } from './lease-view.ts';
import type { Lease, Ownership, OwnershipOptions } from './ownership.ts';

/** Joins the replicas of a service: heartbeat, claims, giving back what is over. Resolves after the first round of claims, without waiting for `acquired`. */
export async function own(options: OwnershipOptions): Promise<Ownership> {
  const membership = new Membership(options);
  await membership.join();
  return membership;
}

/** One replica among those of a service: rounds of claims and give-backs, one at a time, at every change it sees and at a steady tick. */
class Membership implements Ownership {
  readonly held = new Map<number, Lease>();
  /** Leases whose `acquired` runs, and those being given back. */
  readonly #settling = new Map<Lease, Promise<void>>();
  readonly #leaving = new Map<number, Promise<void>>();
  readonly #ended = new AbortController();
  readonly #clock: OwnershipClock;
  readonly #timing: { readonly heartbeat: number; readonly lease: number };
  readonly #view: LeaseView;
  readonly #bucket: KvBucket;
  #watch: { stop(): Promise<void> } | undefined;
  #heartbeats: Heartbeats | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #again = false;
  /** No claims before this (monotonic): after `acquired` failed. */
  #claimsFrom = -Infinity;
  #failures = 0;
  #stopping = false;
  /** Alone, and yet another holder appeared: what we were told is wrong, so claim nothing any more. */
  #notAlone = false;

  constructor(private readonly options: OwnershipOptions) {
    this.#clock = options.clock ?? machineClock;
    this.#timing = options.timing ?? { heartbeat: HEARTBEAT_MS, lease: LEASE_MS };
    this.#view = new LeaseView(options.service, this.#timing.lease);
    this.#bucket = options.bus.kv('LEASES');
  }

  async join(): Promise<void> {
    this.#watch = await this.#bucket.watch((key, value, revision) => {
      if (this.#view.observe(key, value, revision, this.#clock)) this.#tick();
    });
    const { replicaId, onError } = this.options;
    this.#heartbeats = new Heartbeats(
      {
        bucket: this.#bucket,
        key: this.#view.heartbeatKey(replicaId),
        clock: this.#clock,
        timing: this.#timing,
        held: () => this.held.size,
        onRenewed: () => this.#tick(),
        onError,
      },
      this.#view.heartbeatOf(replicaId)?.at,
    );
    await this.#heartbeats.start();
    this.#ticker = setInterval(() => this.#tick(), this.#timing.lease / 20);
    this.#tick();
    await this.#round;
  }

  ready(): { readonly ok: boolean; readonly reason?: string } {
    if (this.#stopping) return { ok: false, reason: 'it is stopping' };
    if (this.#notAlone) return { ok: false, reason: 'another process has taken its partitions' };
    if (this.#expired()) return { ok: false, reason: 'its heartbeat could not be renewed' };
    if (this.#settling.size > 0) return { ok: false, reason: `it is taking over ${this.#settling.size} partitions` };
    const wanted = this.#plan().claim.length;
    return wanted === 0 ? { ok: true } : { ok: false, reason: `${wanted} partitions are still to be claimed` };
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearInterval(this.#ticker);
    await this.#round;
    await Promise.all(this.#settling.values());
    // The heartbeat goes on meanwhile, so nobody takes a partition before it is given.
    await this.#giveBack([...this.held.keys()]);
    await Promise.all(this.#leaving.values());
    this.#ended.abort();
    await this.#heartbeats?.stop();
    await this.#attempt(() => this.#bucket.purge(this.#view.heartbeatKey(this.options.replicaId)));
    await this.#watch?.stop();
  }

  /** Alone, nobody else may take what we can't renew. */
  #expired(): boolean {
    return !this.options.alone && (this.#heartbeats?.expired() ?? true);
  }

  #tick(): void {
    this.#loseWhatIsGone();
    if (this.#round !== undefined) {
      this.#again = true;
      return;
    }
    if (this.#stopping) return;
    this.#round = this.#runRounds().finally(() => (this.#round = undefined));
  }

  async #runRounds(): Promise<void> {
    do {
      this.#again = false;
      await this.#oneRound();
      // Let what the watch has to say come in before the next look.
      await pause(5, this.#ended.signal);
    } while (this.#again && !this.#stopping);
  }

  async #oneRound(): Promise<void> {
    if (this.#stopping || this.#expired()) return;
    const { claim, giveBack } = this.#plan();
    if (giveBack.length > 0) {
      const free = giveBack.filter((partition) => !this.#leaving.has(partition) && !this.#isSettling(partition));
      void this.#giveBack(free);
    }
    await this.#forgetTheDead();
    if (claim.length === 0 || this.#clock.monotonic() < this.#claimsFrom) return;
    const won = (await Promise.all(claim.map((partition) => this.#claim(partition)))).filter((lease) => lease !== undefined);
    if (won.length > 0) this.#settle(won);
  }

  #plan(): { readonly claim: readonly number[]; readonly giveBack: readonly number[] } {
    const { alone, replicaId } = this.options;
    const busy = new Set([...this.held.keys(), ...this.#leaving.keys()]);
    if (!alone) return planOwnership(this.#view, replicaId, busy, this.#clock.monotonic());
    if (this.#notAlone) return { claim: [], giveBack: [] };
    const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    return { claim: all.filter((partition) => !busy.has(partition)), giveBack: [] };
  }

  async #claim(partition: number): Promise<Lease | undefined> {
    const { replicaId } = this.options;
    const key = this.#view.leaseKey(partition);
    const before = this.#view.lease(partition);
    // At least the time, so that tokens go on rising even when the bucket was lost and starts anew.
    const token = Math.max((before?.token ?? 0) + 1, Math.floor(this.#clock.wall()));
    try {
      const revision = await this.#bucket.compareAndSet(key, encodeLease({ holder: replicaId, token }), before?.revision ?? 0);
      this.#view.record(partition, { holder: replicaId, token, revision });
    } catch (error) {
      await this.#lookAgain(partition, error);
      return undefined;
    }
    const lease: Lease = { partition, token, ...this.#deadSince(before?.holder) };
    this.held.set(partition, lease);
    return lease;
  }

  /** A lost race is no failure; what won it is looked up, as the watch may be late. */
  async #lookAgain(partition: number, error: unknown): Promise<void> {
    if (!(error instanceof BusError && error.code === 'sequence')) return this.options.onError(error);
    const key = this.#view.leaseKey(partition);
    await this.#attempt(async () => {
      const entry = await this.#bucket.get(key);
      if (entry !== undefined) this.#view.observe(key, entry.value, entry.revision, this.#clock);
    });
    this.#again = true;
  }

  #deadSince(holder: string | null | undefined): { deadSince?: number } {
    if (holder === null || holder === undefined) return {};
    const at = holder === this.options.replicaId ? this.#heartbeats?.lastAlive : this.#view.heartbeatOf(holder)?.at;
    return at === undefined ? {} : { deadSince: at };
  }

  /** Tells the owner, without holding up the rounds; a partition whose take-over fails is given back, to be tried again later. */
  #settle(won: readonly Lease[]): void {
    const settled = this.options.acquired(won).then(
      () => {
        this.#failures = 0;
      },
      async (error: unknown) => {
        this.options.onError(error);
        this.#claimsFrom = this.#clock.monotonic() + Math.min(30_000, 500 * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
        await Promise.all(won.map((lease) => this.#free(lease)));
      },
    );
    const done = settled.finally(() => {
      for (const lease of won) this.#settling.delete(lease);
      this.#tick();
    });
    for (const lease of won) this.#settling.set(lease, done);
  }

  #isSettling(partition: number): boolean {
    const lease = this.held.get(partition);
    return lease !== undefined && this.#settling.has(lease);
  }

  async #giveBack(partitions: readonly number[]): Promise<void> {
    const leases = partitions.map((partition) => this.held.get(partition)).filter((lease) => lease !== undefined);
    if (leases.length === 0) return;
    const given = (async () => {
      await this.#attempt(() => this.options.released(leases, 'released'));
      await Promise.all(leases.map((lease) => this.#free(lease)));
    })();
    for (const { partition } of leases) this.#leaving.set(partition, given);
    await given;
    for (const { partition } of leases) this.#leaving.delete(partition);
    this.#tick();
  }

  async #free(lease: Lease): Promise<void> {
    if (this.held.get(lease.partition) !== lease) return;
    this.held.delete(lease.partition);
    const seen = this.#view.lease(lease.partition);
    if (seen?.token !== lease.token) return;
    await this.#attempt(async () => {
      const value = encodeLease({ holder: null, token: lease.token });
      const revision = await this.#bucket.compareAndSet(this.#view.leaseKey(lease.partition), value, seen.revision);
      this.#view.record(lease.partition, { holder: null, token: lease.token, revision });
    });
  }

  #loseWhatIsGone(): void {
    const all = this.#expired();
    const gone: Lease[] = [];
    for (const lease of this.held.values()) {
      const taken = (this.#view.lease(lease.partition)?.token ?? 0) > lease.token;
      if (all || taken) gone.push(lease);
      if (taken && this.options.alone) this.#notAlone = true;
    }
    if (gone.length === 0) return;
    for (const lease of gone) this.held.delete(lease.partition);
    void this.#attempt(() => this.options.released(gone, 'lost'));
  }

  /** Heartbeats of replicas that are long gone and hold nothing, so that names which never come back don't pile up. */
  async #forgetTheDead(): Promise<void> {
    const now = this.#clock.monotonic();
    for (const replica of [...this.#view.replicas()])
      if (replica !== this.options.replicaId && this.#view.isForgettable(replica, now))
        await this.#attempt(() => this.#bucket.purge(this.#view.heartbeatKey(replica)));
  }

  async #attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      this.options.onError(error);
      return false;
    }
  }
}
