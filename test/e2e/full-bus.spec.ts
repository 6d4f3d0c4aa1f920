import { Ledger, querySubject, RUN_COUNTS_SUBJECT } from '#lib/contracts';
import { createLogger, type RunningService } from '#lib/platform';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { startDispatch } from '../../apps/workflow-dispatch/src/index.ts';
import { startRunner } from '../../apps/workflow-runner/src/index.ts';
import { Service } from '../product/services.ts';
import { DispatchHarness, newId, type Tenant } from '../harness/dispatch.ts';
import { secretSettings } from '../servers/master-key.ts';

const MIB = 1024 * 1024;
/** Of INBOUND and of TRIGGERED. */
const STREAM_BYTES = 2 * MIB;
const large = { body: Buffer.alloc(100_000, 'x') };
const log = createLogger({ service: 'test', level: process.env['SLUICE_TEST_LOG'] ?? 'silent' });
const running = new Set<RunningService>();
const processes = new Set<Service>();
let harness: DispatchHarness;

beforeAll(async () => {
  harness = await DispatchHarness.start(STREAM_BYTES, 'real');
});
afterEach(stopAll);
afterAll(() => harness.stop());

async function stopAll(): Promise<void> {
  for (const one of processes) await one.end('SIGKILL');
  processes.clear();
  for (const service of running) await service.stop();
  running.clear();
}

async function start(starting: Promise<RunningService>): Promise<RunningService> {
  const service = await starting;
  running.add(service);
  await expect.poll(() => service.ready(), { timeout: 30_000 }).toEqual({ ok: true });
  return service;
}
const dispatch = (): Promise<RunningService> => start(startDispatch({ ...where(), replicaId: 'd1' }));
const runner = (): Promise<RunningService> => start(startRunner({ ...where(), replicaId: 'r1', ...secretSettings() }));
const where = (): { natsUrl: string; postgresUrl: string; standalone: true; log: typeof log } => ({
  natsUrl: harness.nats.url,
  postgresUrl: harness.postgres.url,
  standalone: true,
  log,
});

async function ledger({ applicationId, integrationId }: Tenant): Promise<Ledger> {
  const reply = await harness.ask(querySubject('ledger', 'integration'), { applicationId, id: integrationId });
  return Ledger.parse(reply.ok ? reply.result : undefined);
}

/** Resolves once as many runs of the tenant's have succeeded, whether dispatch lives or not. */
async function until({ applicationId }: Tenant, succeeded: number): Promise<void> {
  const counts = async (): Promise<number> => {
    const answer = await harness.bus.request(RUN_COUNTS_SUBJECT, Buffer.from(JSON.stringify({ applicationId })), 5_000);
    return (JSON.parse(Buffer.from(answer).toString()) as { succeeded: number }).succeeded;
  };
  await expect.poll(() => counts().catch(() => 0), { timeout: 100_000 }).toBeGreaterThanOrEqual(succeeded);
}

/** Dispatch as a process of its own, to be killed. */
async function dispatchProcess(): Promise<Service> {
  const port = await freePort();
  const env = {
    SLUICE_NATS_URL: harness.nats.url,
    SLUICE_POSTGRES_URL: harness.postgres.url,
    SLUICE_REPLICA_ID: 'd1',
    SLUICE_HOST: '127.0.0.1',
    SLUICE_HTTP_PORT: String(port),
  };
  const service = new Service('workflow-dispatch', 'apps/workflow-dispatch/src/main.js', env, port);
  processes.add(service);
  return service;
}

/** Whether it takes no more of what {@link large} messages are. */
async function isFull(stream: 'INBOUND' | 'TRIGGERED'): Promise<boolean> {
  return (await harness.bus.streamInfo(stream)).bytes > STREAM_BYTES - large.body.byteLength;
}

/** A tenant each of whose messages starts this many workflows. */
async function fanOut(workflows: number): Promise<Tenant> {
  const tenant = await harness.tenant();
  for (let left = workflows - 1; left > 0; left--) await harness.workflow(tenant, { id: newId() });
  return tenant;
}

const done = (messages: number, workflows: number): object => ({
  received: messages,
  dispatched: messages,
  inFlight: 0,
  unexplained: 0,
  beside: { restarted: 0 },
  runs: { triggered: messages * workflows, succeeded: messages * workflows, failed: 0, deadLettered: 0, inFlight: 0 },
});

describe('a bus that holds less than what is to be run', { timeout: 150_000 }, () => {
  it('runs a message that starts more workflows than TRIGGERED holds', async () => {
    const tenant = await fanOut(60);
    await Promise.all([dispatch(), runner()]);
    await harness.messages(tenant, 1, 1, large);
    await expect.poll(() => ledger(tenant), { timeout: 100_000 }).toMatchObject(done(1, 60));
  });

  it('runs many messages of which none was committed when TRIGGERED was full', async () => {
    const tenant = await fanOut(10);
    await harness.messages(tenant, 1, 15, large);
    await Promise.all([dispatch(), runner()]);
    await expect.poll(() => ledger(tenant), { timeout: 100_000 }).toMatchObject(done(15, 10));
  });

  it('runs messages of several applications of which none can be stored whole beside the others', async () => {
    const tenants = await Promise.all([fanOut(40), fanOut(40), fanOut(40)]);
    for (const tenant of tenants) await harness.messages(tenant, 1, 2, large);
    await Promise.all([dispatch(), runner()]);
    for (const tenant of tenants) await expect.poll(() => ledger(tenant), { timeout: 100_000 }).toMatchObject(done(2, 40));
  });

  it('goes on when both start again while both streams are full', async () => {
    const tenant = await fanOut(8);
    await dispatch();
    const storing = harness.messages(tenant, 1, 25, large);
    await expect.poll(() => isFull('INBOUND'), { timeout: 100_000 }).toBe(true);
    expect(await isFull('TRIGGERED')).toBe(true);
    await stopAll();
    for (const stream of ['INBOUND', 'TRIGGERED'] as const) await harness.fill(stream);
    await Promise.all([dispatch(), runner()]);
    await storing;
    await expect.poll(() => ledger(tenant), { timeout: 100_000 }).toMatchObject(done(25, 8));
  });

  it('runs nothing twice when another dispatch takes over again and again in the middle', async () => {
    const tenant = await fanOut(60);
    await runner();
    await dispatch();
    await harness.messages(tenant, 1, 2, large);
    for (const share of [20, 50, 80, 110]) {
      await until(tenant, share);
      // It takes all partitions at once: the one before it learns of that as one that was paused does.
      await dispatch();
    }
    await expect.poll(() => ledger(tenant), { timeout: 100_000 }).toMatchObject(done(2, 60));
  });

  it('runs nothing twice when the bus is killed in the middle', async () => {
    const tenant = await fanOut(60);
    await Promise.all([dispatch(), runner()]);
    await harness.messages(tenant, 1, 2, large);
    for (const share of [20, 80]) {
      await until(tenant, share);
      await harness.nats.restart();
    }
    await expect.poll(() => ledger(tenant).catch(() => undefined), { timeout: 100_000 }).toMatchObject(done(2, 60));
  });

  it.each(['dispatch.afterRecord:1', 'dispatch.afterRecord:3', 'dispatch.afterTriggered:1', 'dispatch.afterCommit:1'])(
    'runs nothing twice and counts each once when dispatch is killed at %s',
    async (point) => {
      const tenant = await fanOut(60);
      await runner();
      const killed = await dispatchProcess();
      killed.launch(point);
      await harness.messages(tenant, 1, 2, large);
      expect(await killed.ended()).toBe(null); // killed, which nobody but the fault does
      await dispatch();
      await expect.poll(() => ledger(tenant), { timeout: 100_000 }).toMatchObject(done(2, 60));
    },
  );

  it('runs nothing twice and counts each once when dispatch is killed wherever it is', async () => {
    const tenant = await fanOut(60);
    await runner();
    const killed = await dispatchProcess();
    await killed.start();
    await harness.messages(tenant, 1, 2, large);
    await until(tenant, 50);
    await killed.end('SIGKILL');
    await dispatch();
    await expect.poll(() => ledger(tenant), { timeout: 100_000 }).toMatchObject(done(2, 60));
  });
});
