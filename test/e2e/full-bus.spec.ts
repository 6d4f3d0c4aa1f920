import { Ledger, querySubject } from '#lib/contracts';
import { createLogger, type RunningService } from '#lib/platform';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startDispatch } from '../../apps/workflow-dispatch/src/index.ts';
import { startRunner } from '../../apps/workflow-runner/src/index.ts';
import { DispatchBench, newId, type Tenant } from '../servers/dispatch-bench.ts';
import { secretSettings } from '../servers/master-key.ts';

const MIB = 1024 * 1024;
/** Of INBOUND and of TRIGGERED. */
const STREAM_BYTES = 2 * MIB;
const log = createLogger({ service: 'test', level: process.env['SLUICE_TEST_LOG'] ?? 'silent' });
const running = new Set<RunningService>();
let bench: DispatchBench;

beforeAll(async () => {
  bench = await DispatchBench.start(STREAM_BYTES, 'real');
});
afterEach(async () => {
  for (const service of running) await service.stop();
  running.clear();
});
afterAll(() => bench.stop());

async function start(starting: Promise<RunningService>): Promise<RunningService> {
  const service = await starting;
  running.add(service);
  await expect.poll(() => service.ready(), { timeout: 30_000 }).toEqual({ ok: true });
  return service;
}
const dispatch = (): Promise<RunningService> => start(startDispatch({ ...where(), replicaId: 'd1' }));
const runner = (): Promise<RunningService> => start(startRunner({ ...where(), replicaId: 'r1', ...secretSettings() }));
const where = (): { natsUrl: string; postgresUrl: string; standalone: true; log: typeof log } => ({
  natsUrl: bench.nats.url,
  postgresUrl: bench.postgres.url,
  standalone: true,
  log,
});

async function ledger({ applicationId, integrationId }: Tenant): Promise<Ledger> {
  const reply = await bench.ask(querySubject('ledger', 'integration'), { applicationId, id: integrationId });
  return Ledger.parse(reply.ok ? reply.result : undefined);
}

/** A tenant each of whose messages starts this many workflows. */
async function fanOut(workflows: number): Promise<Tenant> {
  const tenant = await bench.tenant();
  for (let left = workflows - 1; left > 0; left--) await bench.workflow(tenant, { id: newId() });
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

describe('a bus that holds less than what is to be run', () => {
  it('runs a message that starts more workflows than TRIGGERED holds', { timeout: 60_000 }, async () => {
    const tenant = await fanOut(60);
    await Promise.all([dispatch(), runner()]);
    await bench.messages(tenant, 1, 1, { body: Buffer.alloc(100_000, 'x') });
    await expect.poll(() => ledger(tenant), { timeout: 30_000 }).toMatchObject(done(1, 60));
  });

  it('runs many messages of which none was committed when TRIGGERED was full', { timeout: 60_000 }, async () => {
    const tenant = await fanOut(10);
    await bench.messages(tenant, 1, 15, { body: Buffer.alloc(50_000, 'x') });
    await Promise.all([dispatch(), runner()]);
    await expect.poll(() => ledger(tenant), { timeout: 30_000 }).toMatchObject(done(15, 10));
  });
});
