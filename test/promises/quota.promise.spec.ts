import { activitySubject, Ledger, partitionOf, querySubject } from '#lib/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { Service } from '../product/services.ts';
import { DispatchHarness, newId, type Tenant } from '../harness/dispatch.ts';
import { LONG, recordFigure } from './figures.ts';

const REPLICAS = ['d1', 'd2', 'd3'];
/** Two whose partitions each replica holds at the start. */
const TENANTS = 2 * REPLICAS.length;
/** Of four take-overs each. */
const ROUNDS = LONG ? 5 : 1;
const CHUNK = LONG ? 200 : 250;
const TOTAL = ROUNDS * 4 * CHUNK;
/** Reached in the middle of a take-over. */
const ALLOWANCE = TOTAL * 0.6 + 7;
const POLL = { timeout: 60_000, interval: 100 };

let harness: DispatchHarness;
const replicas: Service[] = [];

beforeAll(async () => {
  harness = await DispatchHarness.start(128 * 1024 * 1024);
  for (const name of REPLICAS) {
    const port = await freePort();
    const env = {
      SLUICE_NATS_URL: harness.nats.url,
      SLUICE_POSTGRES_URL: harness.postgres.url,
      SLUICE_HOST: '127.0.0.1',
      SLUICE_HTTP_PORT: String(port),
      SLUICE_REPLICA_ID: name,
    };
    replicas.push(new Service(name, 'apps/workflow-dispatch/src/main.js', env, port));
  }
  await Promise.all(replicas.map((replica) => replica.start()));
});
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.end('SIGTERM')));
  await harness.stop();
});

const replica = (index: number): Service => replicas[index] as Service;

async function ledger({ applicationId, integrationId }: Tenant): Promise<Ledger> {
  const reply = await harness.ask(querySubject('ledger', 'integration'), { applicationId, id: integrationId });
  return Ledger.parse(reply.ok ? reply.result : undefined);
}

/** Who holds each partition, once the replicas share them. */
async function holders(): Promise<Map<number, string>> {
  const entries = await harness.bus.kv('LEASES').entries('lease.dispatch');
  return new Map(
    entries.map(({ key, value }) => {
      const { holder } = JSON.parse(Buffer.from(value).toString()) as { holder: string };
      return [Number(key.split('.').at(-1)), holder];
    }),
  );
}
async function smallestShare(): Promise<number> {
  const held = [...(await holders()).values()];
  return Math.min(...REPLICAS.map((name) => held.filter((holder) => holder === name).length));
}
async function anApplicationOf(name: string): Promise<string> {
  const held = await holders();
  for (;;) {
    const id = newId();
    if (held.get(partitionOf(id)) === name) return id;
  }
}

/** All that was stored so far is decided and committed. */
async function untilSettled(tenants: readonly Tenant[], stored: number): Promise<void> {
  for (const tenant of tenants) await expect.poll(() => ledger(tenant), POLL).toMatchObject({ received: stored, inFlight: 0 });
}

it('promise 15: a payload quota is met exactly by three replicas, through crashes and hand-overs', { timeout: 600_000 }, async () => {
  await expect.poll(smallestShare, POLL).toBeGreaterThanOrEqual(20);
  const applications = await Promise.all([...REPLICAS, ...REPLICAS].map(anApplicationOf));
  const tenants = await Promise.all(applications.map((id) => harness.tenant({ payloads: ALLOWANCE, period: 'day' }, id)));
  let stored = 0;
  let takeOvers = 0;
  const during = async (takeOver: () => Promise<unknown>): Promise<void> => {
    const [from, to] = [stored + 1, stored + CHUNK];
    await Promise.all([...tenants.map((tenant) => harness.messages(tenant, from, to)), takeOver()]);
    stored = to;
    takeOvers++;
  };
  for (let round = 0; round < ROUNDS; round++) {
    // The others take over once its leases have expired.
    await during(() => replica(0).end('SIGKILL'));
    await untilSettled(tenants, stored);
    // It comes back, and gets its share from both.
    await during(() => replica(0).start());
    await during(async () => {
      await replica(1).end('SIGTERM');
      await replica(1).start();
    });
    // Under its old name it takes its old leases at once.
    await during(async () => {
      await replica(2).end('SIGKILL');
      await replica(2).start();
    });
  }
  await untilSettled(tenants, stored);

  let deviation = 0;
  let twice = 0;
  let events = 0;
  for (const tenant of tenants) {
    const { dispatched, rejectedByQuota, unexplained } = await ledger(tenant);
    expect({ dispatched, rejectedByQuota, unexplained }).toEqual({
      dispatched: ALLOWANCE,
      rejectedByQuota: TOTAL - ALLOWANCE,
      unexplained: 0,
    });
    const started = await harness.startedBy(tenant);
    deviation = Math.max(deviation, Math.abs(new Set(started).size - ALLOWANCE));
    twice += started.length - new Set(started).size;
    const { applicationId } = tenant;
    events += (await harness.bus.list('ACTIVITY', activitySubject(applicationId, 'quota', '*'))).length;
  }
  recordFigure({
    promise: 15,
    what: `${TENANTS} applications, ${TOTAL} messages each, 3 dispatch replicas, ${takeOvers} take-overs (half of them SIGKILL)`,
    figure: `${deviation} over or under the allowance of ${ALLOWANCE}, ${twice} second triggers, ${events} events for ${TENANTS} periods`,
    holds: deviation === 0 && twice === 0 && events === TENANTS,
  });
  expect({ deviation, twice, events }).toEqual({ deviation: 0, twice: 0, events: TENANTS });
});
