import { createLogger, type RunningService } from '#lib/platform';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { DispatchHarness, type Tenant } from '../../../test/harness/dispatch.ts';
import { startDispatch } from './index.ts';

const log = createLogger({ service: 'dispatch', level: process.env['SLUICE_TEST_LOG'] ?? 'silent' });
const running = new Set<RunningService>();
let harness: DispatchHarness;

beforeAll(async () => {
  harness = await DispatchHarness.start(16 * 1024 * 1024);
});
afterEach(async () => {
  for (const service of running) await service.stop();
  running.clear();
});
afterAll(() => harness.stop());

async function start(replicaId = 'd1', standalone = true): Promise<RunningService> {
  const service = await startDispatch({ natsUrl: harness.nats.url, postgresUrl: harness.postgres.url, replicaId, standalone, log });
  running.add(service);
  await expect.poll(() => service.ready(), { timeout: 30_000 }).toEqual({ ok: true });
  return service;
}
async function stop(service: RunningService): Promise<void> {
  running.delete(service);
  await service.stop();
}

const timed = async (seconds: number): Promise<Tenant> => {
  const tenant = await harness.tenant();
  await harness.workflow(tenant, { triggers: [{ type: 'timer', key: 'tick', config: { seconds } }] });
  return tenant;
};
/** The instants that started the tenant's workflow, as stored. */
const instants = async (tenant: Tenant): Promise<number[]> =>
  (await harness.triggered(tenant)).map(({ inbound: { attributes } }) => Number(attributes['at']));

it('a timer starts its workflow at each instant once, over restarts and beside a second replica', { timeout: 120_000 }, async () => {
  const tenant = await timed(1);
  let service = await start();
  for (let restarts = 0; restarts < 2; restarts++) {
    const before = (await instants(tenant)).length;
    await expect.poll(async () => (await instants(tenant)).length).toBeGreaterThan(before + 1);
    await stop(service);
    service = await start();
  }
  await stop(service);
  const replicas = [await start('d1', false), await start('d2', false)];
  const before = (await instants(tenant)).length;
  await expect.poll(async () => (await instants(tenant)).length, { timeout: 40_000 }).toBeGreaterThan(before + 3);
  for (const replica of replicas) await stop(replica);
  const found = await instants(tenant);
  expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
  const [first] = await harness.triggered(tenant);
  expect(first).toMatchObject({ triggerType: 'timer', triggerKey: 'tick', inbound: { type: 'timer', sourceId: tenant.workflowId } });
  expect(Date.parse(first?.inbound.time ?? '')).toBe(found[0]);
});

it('an instant that a second holder fires again starts nothing, also after what knew of it has gone', async () => {
  const tenant = await timed(31_536_000);
  const fire = (at: number) =>
    harness.store(tenant, { type: 'timer', sourceId: tenant.workflowId, sourceType: 'timer', attributes: { key: 'tick', at } });
  const service = await start();
  const at = Date.now();
  for (const instant of [at, at, at + 1]) await fire(instant);
  await expect.poll(() => instants(tenant)).toEqual([at, at + 1]);
  await stop(service);
  for (const instant of [at, at + 1, at + 2]) await fire(instant);
  await start();
  await expect.poll(() => instants(tenant)).toEqual([at, at + 1, at + 2]);
});
