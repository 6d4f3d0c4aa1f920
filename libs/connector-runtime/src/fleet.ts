import { type IntegrationState, type StatusRecord, partitionOf } from '#lib/contracts';
import type { ConfigChange } from '#lib/messaging';
import type { Lease } from '#lib/partitions';
import type { DataKeys } from '#lib/secrets';
import { within } from './time/deadline.ts';
import { Desired, type Wanted } from './configuration/desired.ts';
import { disposeOf } from './connection/dispose.ts';
import { buryQueue } from './outbound/drain.ts';
import { persist } from './persist.ts';
import type { Surroundings } from './configuration/rendering.ts';
import type { HeldPartition, Shared } from './shared.ts';
import { type Identity, statusKey } from './identity.ts';
import { clearState } from './connection/state.ts';
import { Supervisor } from './supervisor.ts';

/** Statuses get this long to be written when partitions are given away, ms: a bus that is away must not keep the process from leaving. */
const FLUSH_MS = 3_000;

/** The integrations of the partitions that this replica holds, each with its supervisor, brought to what CONFIG says. */
export class Fleet {
  readonly #shared: Shared;
  readonly #keys: DataKeys;
  readonly #desired: Desired;
  readonly #supervisors = new Map<string, Supervisor>();
  readonly #partitions = new Map<number, HeldPartition>();
  /** Removals under way: an integration that comes back under its old id waits for them. */
  readonly #removing = new Map<string, Promise<void>>();

  constructor(shared: Shared, keys: DataKeys, desired: Desired) {
    this.#shared = shared;
    this.#keys = keys;
    this.#desired = desired;
  }

  get(integrationId: string): Supervisor | undefined {
    return this.#supervisors.get(integrationId);
  }
  all(): Iterable<Supervisor> {
    return this.#supervisors.values();
  }
  holds(partition: number): boolean {
    return this.#partitions.has(partition);
  }

  /** Takes a change of the configuration over; before partitions are held it is only noted. */
  apply(change: ConfigChange): void {
    const effect = this.#desired.apply(change);
    if (effect === undefined) return;
    if (effect.kind === 'integration') this.#ensure(effect.id, undefined);
    else if (effect.kind === 'credential') for (const id of effect.integrations) this.#supervisors.get(id)?.changed();
    else if (effect.kind === 'deleted') {
      const supervisor = this.#supervisors.get(effect.id);
      if (supervisor !== undefined) this.#remove(supervisor, effect.last);
    } else {
      const { messagesPerSecond, burst } = this.#desired.limits(effect.id);
      for (const id of effect.integrations) {
        const supervisor = this.#supervisors.get(id);
        supervisor?.intake.setLimits({ messagesPerSecond, burst });
        // Rendered anew, it reconnects only when the result is another one.
        supervisor?.changed();
      }
      if (this.#desired.application(effect.id) === undefined) this.#forgetKey(effect.id);
    }
  }

  /** Messages wait in OUTBOUND: they are sent, or are dead letters where the integration is gone. */
  queued(of: Identity): void {
    const { applicationId, integrationId } = of;
    const supervisor = this.#supervisors.get(integrationId);
    if (supervisor?.of.applicationId === applicationId) supervisor.outgoing.queued();
    if (!this.#desired.wasDeleted(integrationId) || !this.#partitions.has(partitionOf(integrationId))) return;
    if (!this.#removing.has(integrationId))
      this.#removing.set(
        integrationId,
        this.#bury(of).then(() => void this.#removing.delete(integrationId)),
      );
  }

  /** Partitions were won: their fences are written, then their integrations connect. */
  async acquire(leases: readonly Lease[], givenUp: (partition: number) => boolean): Promise<void> {
    const { bus, service } = this.#shared;
    const fenced = await Promise.all(
      leases.map(async ({ partition, token, deadSince }): Promise<HeldPartition | undefined> => {
        const write = (): ReturnType<typeof bus.writeFence> => bus.writeFence('INBOUND', service, partition, token);
        const fence = await persist(this.#shared, 'writing a fence', () => givenUp(partition), write);
        return fence === undefined ? undefined : { partition, token, fence, deadSince };
      }),
    );
    const all = (): boolean => leases.every(({ partition }) => givenUp(partition));
    const statuses = (await persist(this.#shared, 'reading the statuses', all, () => this.#shared.statuses.load())) ?? new Map();
    for (const held of fenced) if (held !== undefined && !givenUp(held.partition)) this.#partitions.set(held.partition, held);
    for (const id of this.#desired.integrations()) {
      const wanted = this.#desired.get(id);
      if (wanted !== undefined) this.#ensure(id, statuses.get(statusKey({ applicationId: wanted.state.applicationId, integrationId: id })));
    }
    this.#purgeLeftOver(statuses);
  }

  async release(partitions: readonly number[], why: 'lost' | 'released'): Promise<void> {
    const going = new Set(partitions);
    for (const partition of going) this.#partitions.delete(partition);
    const stopping: Promise<void>[] = [];
    for (const supervisor of [...this.#supervisors.values()]) {
      if (!going.has(supervisor.partition.partition)) continue;
      this.#supervisors.delete(supervisor.of.integrationId);
      stopping.push(supervisor.stop(why));
    }
    this.#shared.metrics.integrations.set(this.#supervisors.size);
    await Promise.all([...stopping, ...(why === 'released' ? this.#removing.values() : [])]);
    if (why === 'released') await within(this.#shared.wheel, FLUSH_MS, this.#shared.statuses.flush(), () => undefined);
  }

  /** Starts, or tells, the supervisor of an integration that is held. */
  #ensure(id: string, previous: StatusRecord | undefined): void {
    const wanted = this.#desired.get(id);
    const partition = this.#partitions.get(partitionOf(id));
    if (wanted === undefined || partition === undefined) return;
    const known = this.#supervisors.get(id);
    if (known !== undefined) {
      known.changed();
      return;
    }
    const removal = this.#removing.get(id);
    if (removal !== undefined) {
      void removal.then(() => this.#ensure(id, previous));
      return;
    }
    const { applicationId } = wanted.state;
    const supervisor = new Supervisor(this.#shared, {
      of: { applicationId, integrationId: id },
      partition,
      wanted: () => this.#desired.get(id),
      render: ({ state }: Wanted) => this.#shared.renderer.render(state, this.around(state)),
      limits: this.#desired.limits(applicationId),
      previous,
    });
    this.#supervisors.set(id, supervisor);
    this.#shared.metrics.integrations.set(this.#supervisors.size);
    supervisor.changed();
  }

  /** What a configuration is made of besides itself. */
  around({ applicationId, credentialName }: IntegrationState): Surroundings {
    const credential = credentialName === undefined ? undefined : this.#desired.credential(applicationId, credentialName);
    return { application: this.#desired.application(applicationId), credential };
  }

  #remove(supervisor: Supervisor, last: IntegrationState | undefined): void {
    const { integrationId, applicationId } = supervisor.of;
    this.#supervisors.delete(integrationId);
    this.#shared.metrics.integrations.set(this.#supervisors.size);
    const surroundings = last === undefined ? undefined : this.around(last);
    const work = async (): Promise<void> => {
      const gone = (): boolean => !this.#partitions.has(supervisor.partition.partition);
      await supervisor.remove(gone);
      if (last !== undefined && surroundings !== undefined) await disposeOf(this.#shared, last, surroundings);
      await this.#bury(supervisor.of);
    };
    const removal = work().catch((error: unknown) => {
      this.#shared.log.error({ err: error, integration: integrationId }, 'a deleted integration could not be cleaned up');
    });
    const done = removal.then(() => {
      this.#removing.delete(integrationId);
      if (this.#desired.application(applicationId) === undefined) this.#forgetKey(applicationId);
    });
    this.#removing.set(integrationId, done);
  }

  async #bury(of: Identity): Promise<void> {
    const gone = (): boolean => !this.#partitions.has(partitionOf(of.integrationId));
    await persist(this.#shared, 'clearing the queue of a deleted integration', gone, () => buryQueue(this.#shared, of, gone));
  }

  /** Statuses of ours whose integration was deleted while nobody held it. */
  #purgeLeftOver(statuses: ReadonlyMap<string, StatusRecord>): void {
    for (const [key, { service }] of statuses) {
      const [applicationId = '', integrationId = ''] = key.split('.');
      if (service !== this.#shared.service || !this.#partitions.has(partitionOf(integrationId))) continue;
      if (this.#desired.get(integrationId) !== undefined || this.#removing.has(integrationId)) continue;
      const of = { applicationId, integrationId };
      const gone = (): boolean => !this.#partitions.has(partitionOf(integrationId));
      void persist(this.#shared, 'clearing the state of a deleted integration', gone, async () => {
        await clearState(this.#shared.bus, of);
        this.#shared.statuses.purge(key);
      });
    }
  }

  /** Not while something of the application still has to be cleaned up with it. */
  #forgetKey(applicationId: string): void {
    for (const { of } of this.#supervisors.values()) if (of.applicationId === applicationId) return;
    if (this.#removing.size === 0) this.#keys.forget(applicationId);
  }
}
