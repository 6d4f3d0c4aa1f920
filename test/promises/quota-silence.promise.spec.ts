import { activitySubject, Ledger, partitionOf, querySubject } from '#lib/contracts';
import { createLogger, type RunningService } from '#lib/platform';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startDispatch } from '../../apps/workflow-dispatch/src/index.ts';
import { DispatchHarness, type Tenant } from '../harness/dispatch.ts';
import { type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts';
import { LONG, recordFigure } from './figures.ts';

const APPLICATIONS = LONG ? 64 : 16;
const QUOTA = 100;
/** Messages of each application in each period. */
const OFFERED = 160;
const PERIODS = ['2026-11-25T07', '2026-11-25T08'];
/** Parts of a period, with a take-over in each. */
const PARTS = LONG ? 20 : 4;
/** Short, so that a holder which can't be heard is followed soon. */
const TIMING = { heartbeat: 200, lease: 1_200 };

interface Replica {
  readonly id: string;
  readonly service: RunningService;
  /** Its link to the bus. */
  readonly link: FaultProxy;
}

const log = createLogger({ service: 'dispatch', level: process.env['SLUICE_TEST_LOG'] ?? 'silent' });
const replicas: Replica[] = [];
/** Who holds each partition, and how often that changed. */
const holders = new Map<string, string>();
let takeovers = 0;
let started = 0;
let harness: DispatchHarness;

beforeAll(async () => {
  harness = await DispatchHarness.start(256 * 1024 * 1024);
  await harness.bus.kv('LEASES').watch((key, value) => {
    if (!key.startsWith('lease.dispatch.') || value === undefined) return;
    const { holder } = JSON.parse(Buffer.from(value).toString()) as { holder: string | null };
    if (holder === null) return;
    const before = holders.get(key);
    if (before !== undefined && before !== holder) takeovers++;
    holders.set(key, holder);
  });
  for (let n = 0; n < 3; n++) await addReplica();
});
afterAll(async () => {
  for (const replica of replicas) await end(replica);
  await harness.stop();
});

async function addReplica(): Promise<void> {
  const id = `d${++started}`;
  const link = await startFaultProxy({ port: harness.nats.port });
  const natsUrl = `nats://127.0.0.1:${link.port}`;
  const service = await startDispatch({
    natsUrl,
    postgresUrl: harness.postgres.url,
    replicaId: id,
    standalone: false,
    log,
    timing: TIMING,
  });
  replicas.push({ id, service, link });
}

async function end({ service, link }: Replica): Promise<void> {
  await service.stop();
  await link.stop();
}

const heldBy = (id: string): number => [...holders.values()].filter((holder) => holder === id).length;
async function untilShared(): Promise<void> {
  await expect.poll(() => replicas.every(({ id, service }) => service.ready().ok && heldBy(id) > 0), { timeout: 30_000 }).toBe(true);
}

/** The oldest replica leaves in order, and a new one comes. */
async function replaceOldest(): Promise<void> {
  const oldest = replicas.shift();
  if (oldest !== undefined) await end(oldest);
  await addReplica();
}

/** One replica isn't heard of until others have all of its partitions; then everything it had said arrives. */
async function silenceOne(): Promise<void> {
  const one = replicas[1];
  if (one === undefined) return;
  one.link.mode({ kind: 'stall' });
  await expect.poll(() => heldBy(one.id), { timeout: 30_000 }).toBe(0);
  one.link.mode({ kind: 'pass' });
}

async function ledger({ applicationId, integrationId }: Tenant): Promise<Ledger> {
  const reply = await harness.ask(querySubject('ledger', 'integration'), { applicationId, id: integrationId });
  return Ledger.parse(reply.ok ? reply.result : undefined);
}

/** Stores the next messages of every application, in turn. */
async function offer(tenants: readonly Tenant[], from: number, to: number, period: string): Promise<void> {
  for (let number = from; number <= to; number++)
    for (const tenant of tenants) await harness.store(tenant, { number, time: `${period}:30:00.000Z` });
}

it('promise 15: a payload quota is met exactly while replicas fall silent and are heard again', { timeout: 900_000 }, async () => {
  const tenants: Tenant[] = [];
  for (let n = 0; n < APPLICATIONS; n++) tenants.push(await harness.tenant({ payloads: QUOTA, period: 'hour' }));
  await untilShared();
  takeovers = 0;
  const part = OFFERED / PARTS;
  for (const [index, period] of PERIODS.entries())
    for (let n = 0; n < PARTS; n++) {
      const from = index * OFFERED + n * part;
      const offering = offer(tenants, from + 1, from + part, period);
      await (n % 2 === 0 ? silenceOne() : replaceOldest());
      await offering;
      await untilShared();
    }

  const expected = { received: PERIODS.length * OFFERED, dispatched: PERIODS.length * QUOTA, inFlight: 0, unexplained: 0 };
  let worst = 0;
  let refused = 0;
  let events = 0;
  for (const tenant of tenants) {
    await expect.poll(() => ledger(tenant), { timeout: 30_000 }).toMatchObject({ received: expected.received, inFlight: 0 });
    refused += (await ledger(tenant)).rejectedByQuota;
    const runs = await harness.triggered(tenant);
    for (const period of PERIODS) {
      const dispatched = runs.filter(({ inbound }) => inbound.time.startsWith(period)).length;
      if (Math.abs(dispatched - QUOTA) > Math.abs(worst)) worst = dispatched - QUOTA;
    }
    events += (await harness.bus.list('ACTIVITY', activitySubject(tenant.applicationId, 'quota', tenant.applicationId))).length;
  }
  const periods = APPLICATIONS * PERIODS.length;
  recordFigure({
    promise: 15,
    what: `quota of ${QUOTA} payloads, ${OFFERED} offered in each of ${periods} periods; 3 dispatch replicas of which each in turn falls silent and is heard again, or leaves: ${takeovers} take-overs of a partition`,
    figure: `at worst ${worst === 0 ? 'neither over nor under' : `off by ${worst}`}; ${refused} refused as rejectedByQuota, ${events} events`,
    holds: worst === 0 && refused === periods * (OFFERED - QUOTA) && events === periods,
  });
  expect(takeovers).toBeGreaterThan(new Set(tenants.map(({ applicationId }) => partitionOf(applicationId))).size);
  expect(worst).toBe(0);
  for (const tenant of tenants)
    expect(await ledger(tenant)).toMatchObject({
      ...expected,
      rejectedByQuota: PERIODS.length * (OFFERED - QUOTA),
      runs: { triggered: expected.dispatched },
    });
  expect(events).toBe(periods);
});
