import type { Definition, Provider } from '#lib/connector-sdk';
import { checkSubject } from '#lib/contracts';
import type { EgressPolicy } from '#lib/egress';
import { type Bus, catchUp, type ConfigFollower } from '#lib/messaging';
import { type Lease, type Ownership, own, Served } from '#lib/partitions';
import type { Logger, Metrics, Readiness } from '#lib/platform';
import { DataKeys, type SecretKeys } from '#lib/secrets';
import { type Clock, systemClock } from './time/clock.ts';
import { Desired } from './configuration/desired.ts';
import { Fleet } from './fleet.ts';
import { Guests } from './outbound/guests.ts';
import { HostGate } from './connection/host-gate.ts';
import { connectorMetrics } from './metrics.ts';
import { Preflight } from './configuration/preflight.ts';
import { sweepQueue } from './outbound/queue-sweep.ts';
import { Renderer } from './configuration/rendering.ts';
import { answer } from './requests.ts';
import type { HeldPartition, Shared } from './shared.ts';
import { StatusBoard } from './status/status-board.ts';
import { TimerWheel } from './time/wheel.ts';

export interface RuntimeOptions {
  readonly bus: Bus;
  readonly definition: Definition;
  readonly provider: Provider;
  readonly replicaId: string;
  /** Alone by construction: takes all partitions at once. */
  readonly standalone: boolean;
  readonly secrets: SecretKeys;
  readonly egress: EgressPolicy;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface ConnectorRuntime {
  ready(): Readiness;
  stop(): Promise<void>;
}

/** A stream that refused a message this lately is said to be full. */
const FULL_MS = 10_000;
/** After the bus refused our fence: by then ownership knows whether the partition is still ours. */
const REFENCE_MS = 12_000;

/** Runs one provider's integrations on this replica: its share of them, for as long as it lives. Rejects BusError when CONFIG can't be read. */
export async function startRuntime(options: RuntimeOptions): Promise<ConnectorRuntime> {
  const { bus, definition, log, clock = systemClock } = options;
  const wheel = new TimerWheel(clock);
  const keys = new DataKeys(bus.kv('KEYS'), options.secrets);
  const service = `connector-${definition.type}`;
  let fullAt = Number.NEGATIVE_INFINITY;
  let follower: ConfigFollower | undefined;
  let ownership: Ownership | undefined;
  let stopping: Promise<void> | undefined;
  const shared: Shared = {
    bus,
    type: definition.type,
    definition,
    provider: options.provider,
    service,
    replicaId: options.replicaId,
    clock,
    wheel,
    gate: new HostGate(clock, wheel),
    statuses: new StatusBoard(bus, clock, wheel, log),
    renderer: new Renderer(definition, keys),
    metrics: connectorMetrics(options.metrics, definition.type),
    egress: options.egress,
    log,
    configSequence: () => follower?.sequence ?? 0,
    caughtUp: () => caughtUp(),
    fenced: (partition) => fenced(partition),
    full: () => (fullAt = clock.monotonic()),
  };
  const caughtUp = (): Promise<void> => catchUp(bus, follower, (error) => log.warn({ err: error }, 'the configuration is behind'));
  const desired = new Desired(definition.type);
  const fleet = new Fleet(shared, keys, desired);
  const guests = new Guests(shared, (applicationId, name) => desired.credential(applicationId, name));
  const served = new Served((partition) => answer(shared, fleet, guests, partition));
  /** Tokens of partitions that were lost while they were being acquired. */
  const lost = new Map<number, number>();

  const acquire = async (leases: readonly Lease[]): Promise<void> => {
    const tokens = new Map(leases.map(({ partition, token }) => [partition, token]));
    await caughtUp();
    await fleet.acquire(leases, (partition) => (lost.get(partition) ?? -1) >= (tokens.get(partition) ?? 0));
    served.take(leases.map(({ partition }) => partition).filter((partition) => fleet.holds(partition)));
    sweep.again();
  };
  const release = async (partitions: readonly number[], why: 'lost' | 'released'): Promise<void> => {
    await Promise.all([served.release(partitions), fleet.release(partitions, why), guests.release(partitions)]);
  };
  const fenced = ({ partition, token }: HeldPartition): void => {
    if (!fleet.holds(partition)) return;
    log.warn({ partition }, 'another holder wrote its fence: the partition is left at once');
    release([partition], 'lost').catch((error: unknown) => log.error({ err: error, partition }, 'a partition could not be left in order'));
    wheel.after(REFENCE_MS, () => {
      const lease = ownership?.held.get(partition);
      if (stopping !== undefined || lease?.token !== token || fleet.holds(partition)) return;
      acquire([lease]).catch((error: unknown) => log.error({ err: error, partition }, 'a partition could not be taken up again'));
    });
  };
  const sweep = sweepQueue(
    shared,
    (integrationId, applicationId) => fleet.queued({ applicationId, integrationId }),
    () => {
      for (const supervisor of fleet.all()) supervisor.outgoing.sweep();
    },
  );

  follower = await bus.followConfig(
    ['application', 'integration', ...(definition.credential === undefined ? [] : ['credential' as const])],
    (change) => fleet.apply(change),
    (subject, reason) => log.error({ subject, reason }, 'a configuration event cannot be read: it is skipped'),
  );
  const preflight = new Preflight(shared, (state) => fleet.around(state));
  const checks = bus.serve(checkSubject(definition.type), (_subject, body) => preflight.answer(body), { queue: service });
  ownership = await own({
    bus,
    service,
    replicaId: options.replicaId,
    alone: options.standalone,
    acquired: acquire,
    released: async (leases, why) => {
      if (why === 'lost') for (const { partition, token } of leases) lost.set(partition, token);
      await release(
        leases.map(({ partition }) => partition),
        why,
      );
    },
    onError: (error) => log.warn({ err: error }, 'leases: tried again'),
  });

  const stop = async (): Promise<void> => {
    sweep.stop();
    preflight.stop();
    const checked = checks.stop();
    await ownership.stop();
    await checked;
    await follower.stop();
    wheel.stop();
  };
  return {
    ready: () => {
      if (stopping !== undefined) return { ok: false, reason: 'stopping' };
      if (!bus.connected) return { ok: false, reason: 'the connection to NATS is lost' };
      if (clock.monotonic() - fullAt < FULL_MS) return { ok: false, reason: 'the bus is full: messages are held at their sources' };
      return ownership.ready();
    },
    stop: () => (stopping ??= stop()),
  };
}
