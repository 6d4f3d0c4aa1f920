import {
  appliedSubject,
  commandSubject,
  DeadLetter,
  deadLetterSubject,
  type InboundEvent,
  inboundFilter,
  inboundSubject,
  Ledger,
  NUMBER_SUBJECT,
  NumberReply,
  partitionOf,
  querySubject,
  type Reply,
  triggeredSubject,
} from '#lib/contracts';
import { createLogger, type RunningService } from '#lib/platform';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inbound } from '../../../test/builders/inbound.ts';
import { triggered } from '../../../test/builders/runs.ts';
import { startFaultProxy } from '../../../test/servers/fault-proxy.ts';
import { DispatchHarness, newId, type Tenant, upTo } from '../../../test/harness/dispatch.ts';
import { startDispatch } from './index.ts';

const MIB = 1024 * 1024;
const log = createLogger({ service: 'dispatch', level: process.env['SLUICE_TEST_LOG'] ?? 'silent' });
const running = new Set<RunningService>();
let harness: DispatchHarness;

beforeAll(async () => {
  harness = await DispatchHarness.start(16 * MIB);
});
afterEach(async () => {
  for (const service of running) await service.stop();
  running.clear();
});
afterAll(() => harness.stop());

async function start(natsUrl = harness.nats.url): Promise<RunningService> {
  const { postgres } = harness;
  const service = await startDispatch({ natsUrl, postgresUrl: postgres.url, replicaId: 'd1', standalone: true, log });
  running.add(service);
  await expect.poll(() => service.ready(), { timeout: 30_000 }).toEqual({ ok: true });
  return service;
}

async function ledger({ applicationId, integrationId }: Tenant): Promise<Ledger> {
  const reply = await harness.ask(querySubject('ledger', 'integration'), { applicationId, id: integrationId });
  return Ledger.parse(reply.ok ? reply.result : undefined);
}
async function whole({ applicationId }: Tenant): Promise<Ledger> {
  const reply = await harness.ask(querySubject('ledger', 'application'), { applicationId });
  return Ledger.parse(reply.ok ? reply.result : undefined);
}
const closes = (of: Ledger): boolean =>
  of.received === of.dispatched + of.unmatched + of.rejectedByQuota + of.disabled + of.deadLettered + of.inFlight + of.unexplained;

async function highestNumber(of: object): Promise<NumberReply> {
  const answer = await harness.bus.request(NUMBER_SUBJECT, Buffer.from(JSON.stringify(of)), 5_000);
  return NumberReply.parse(JSON.parse(Buffer.from(answer).toString()));
}
async function letters({ applicationId, integrationId }: Tenant): Promise<DeadLetter[]> {
  const stored = await harness.bus.list('DEAD_LETTERS', deadLetterSubject(applicationId, integrationId));
  return stored.map(({ body }) => DeadLetter.parse(JSON.parse(Buffer.from(body).toString())));
}
const errorOf = (reply: Reply): unknown => (reply.ok ? undefined : reply.error.type);

describe('dispatch', () => {
  it('starts what matches, in order, accounts for every message, and purges what it committed', async () => {
    const tenant = await harness.tenant();
    await harness.messages(tenant, 1, 100);
    await start();
    await harness.messages(tenant, 101, 200);
    await expect.poll(() => ledger(tenant)).toMatchObject({ received: 200, dispatched: 200, inFlight: 0, unexplained: 0 });
    const runs = await harness.triggered(tenant);
    expect(runs.map(({ inbound: { number }, body }) => [number, Buffer.from(body).toString()])).toEqual(upTo(200).map((n) => [n, `${n}`]));
    expect(new Set(runs.map(({ id }) => id)).size).toBe(200);
    expect(runs[0]).toMatchObject({
      applicationId: tenant.applicationId,
      workflowId: tenant.workflowId,
      triggerType: 'integration',
      triggerKey: tenant.integrationId,
      inbound: { sourceId: tenant.integrationId, attributes: { topic: 'in/a' } },
    });
    await expect.poll(() => harness.bus.list('INBOUND', inboundFilter(partitionOf(tenant.applicationId)))).toEqual([]);
    const { applicationId } = tenant;
    const start0 = Date.parse('2026-11-25T07:00:00.000Z');
    const params = { start: start0, end: start0 + 3_600_000 };
    expect(await harness.ask(querySubject('payloads', 'counts'), { applicationId, params })).toEqual({
      ok: true,
      result: { integration: { mqtt: 200 } },
    });
  });

  it('counts what nothing waits for, what is disabled, and what has no place, each apart', async () => {
    const tenant = await harness.tenant();
    await harness.workflow(tenant, { topicFilters: { [tenant.integrationId]: ['in/#'] } });
    await start();
    await harness.messages(tenant, 1, 3);
    await harness.messages(tenant, 4, 5, { attributes: { topic: 'elsewhere' } });
    await expect.poll(() => ledger(tenant)).toMatchObject({ dispatched: 3, unmatched: 2 });
    const configSequence = await harness.integration(tenant, false);
    await harness.messages(tenant, 6, 7, { configSequence });
    await harness.store(tenant, { number: 9, configSequence });
    await harness.store(tenant, { number: 9, configSequence, redelivered: true });
    await harness.store(tenant, { configSequence }); // a replay
    await expect
      .poll(() => ledger(tenant))
      .toMatchObject({
        received: 11,
        dispatched: 3,
        unmatched: 2,
        disabled: 4,
        unexplained: 2,
        beside: { redelivered: 1 },
      });
    expect(closes(await ledger(tenant))).toBe(true);
    expect({ ...(await ledger(tenant)), integrationId: undefined }).toEqual(await whole(tenant));
  });

  it('takes a message that was stored late for what it is: in its hole', async () => {
    const tenant = await harness.tenant();
    await start();
    for (const number of [1, 3, 4, 2, 5]) await harness.store(tenant, { number });
    await expect.poll(() => ledger(tenant)).toMatchObject({ received: 5, dispatched: 5, unexplained: 0 });
  });

  it('records gaps and oversize beside the messages, and starts what waits for a connection', async () => {
    const tenant = await harness.tenant();
    const config = { message: false, connect: true };
    await harness.workflow(tenant, { triggers: [{ type: 'integration', key: tenant.integrationId, config }] });
    await start();
    const gap = { from: '2026-11-25T07:00:00.000Z', to: '2026-11-25T07:00:09.000Z', cause: 'the link was lost' };
    await harness.store(tenant, { type: 'gap', attributes: gap });
    await harness.store(tenant, { type: 'oversize', attributes: { size: 9 * MIB } });
    await harness.store(tenant, { type: 'connect', attributes: {} });
    await expect.poll(() => ledger(tenant)).toMatchObject({ received: 0, beside: { redelivered: 0, oversize: 1, gaps: [gap] } });
    await expect.poll(() => harness.triggered(tenant)).toMatchObject([{ inbound: { type: 'connect' }, triggerType: 'integration' }]);
  });

  it('buries what can not be read or decided, counts it, and goes on with the partition', async () => {
    const tenant = await harness.tenant();
    const { applicationId, integrationId } = tenant;
    await start();
    await harness.messages(tenant, 1, 2);
    await harness.bus.publishOutbound(inboundSubject(applicationId, integrationId), Buffer.from('no event'), newId());
    await harness.messages(tenant, 4, 4);
    await harness.store(tenant, { type: 'gap', attributes: { from: 'yesterday', to: 'now', cause: 'x' } });
    await harness.store(tenant, { number: 5, time: 'soon' });
    await harness.messages(tenant, 6, 6);
    await expect.poll(() => ledger(tenant)).toMatchObject({ received: 6, dispatched: 4, deadLettered: 2, inFlight: 0, unexplained: 0 });
    expect(await harness.startedBy(tenant)).toEqual([1, 2, 4, 6]);
    const buried = await letters(tenant);
    expect(buried.map(({ stage, reason }) => [stage, reason])).toEqual(buried.map(() => ['dispatch', 'poison']));
    expect(buried.map(({ body }) => Buffer.from(body, 'base64').toString()).sort()).toEqual(['21.5', '21.5', 'no event']);
  });

  it('says when it decides by a change, and that it never did', async () => {
    const tenant = await harness.tenant();
    await start();
    const asked = (eventPosition: number): Promise<Uint8Array> =>
      harness.bus.request(appliedSubject(partitionOf(tenant.applicationId)), Buffer.from(JSON.stringify({ eventPosition })), 20_000);
    const next = asked(harness.eventPosition + 1);
    await harness.workflow(tenant, { enabled: false });
    await next;
    await expect(asked(harness.eventPosition + 1)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('starts a workflow whose button is pressed, once for each idempotency key', async () => {
    const tenant = await harness.tenant();
    const { applicationId, workflowId: id } = tenant;
    await harness.workflow(tenant, { triggers: [{ type: 'virtualButton', key: 'go', config: {} }] });
    await start();
    const press = (input: unknown, more: object = {}): Promise<Reply> =>
      harness.ask(commandSubject('workflow', 'press'), { applicationId, id, actor: { type: 'apiToken', id: 't1' }, input, ...more });
    const pressed = { key: 'go', payload: { level: 3 } };
    for (let n = 0; n < 2; n++) expect(await press(pressed, { idempotencyKey: 'k1' })).toEqual({ ok: true, result: { success: true } });
    expect((await press(pressed)).ok).toBe(true);
    await expect.poll(() => harness.triggered(tenant)).toHaveLength(2);
    expect((await harness.triggered(tenant))[0]).toMatchObject({
      triggerType: 'virtualButton',
      triggerKey: 'go',
      inbound: { type: 'press', attributes: { ...pressed, relayId: 't1', relayType: 'apiToken' } },
    });
    expect(errorOf(await press({ key: 'stop' }))).toBe('Validation');
    expect(errorOf(await press({}))).toBe('Validation');
    expect(errorOf(await press(pressed, { applicationId: newId() }))).toBe('NotFound');
    await harness.workflow(tenant, { triggers: [{ type: 'virtualButton', key: 'go', config: {} }], enabled: false });
    await expect.poll(async () => errorOf(await press(pressed))).toBe('Conflict');
    expect(await harness.triggered(tenant)).toHaveLength(2);
    // Of a workflow that was saved just now.
    const { applicationId: other, workflowId: fresh, ...rest } = await harness.tenant();
    await harness.workflow(
      { applicationId: other, workflowId: fresh, ...rest },
      { triggers: [{ type: 'virtualButton', key: 'go', config: {} }] },
    );
    expect((await press(pressed, { applicationId: other, id: fresh })).ok).toBe(true);
  });

  it('tells connectors the highest running number it has committed', async () => {
    const tenant = await harness.tenant();
    const { applicationId, integrationId } = tenant;
    await start();
    expect(await highestNumber({ applicationId, integrationId })).toEqual({ number: 0 });
    await harness.messages(tenant, 1, 7);
    await expect.poll(() => highestNumber({ applicationId, integrationId })).toEqual({ number: 7 });
    expect(await highestNumber({ applicationId: newId(), integrationId })).toEqual({ number: 0 });
    expect(await highestNumber({})).toHaveProperty('error');
  });

  it('shows a tenant nothing of another', async () => {
    const tenant = await harness.tenant();
    const other = await harness.tenant();
    await start();
    const of = { applicationId: other.applicationId, id: tenant.integrationId };
    expect(errorOf(await harness.ask(querySubject('ledger', 'integration'), of))).toBe('NotFound');
    for (const subject of [querySubject('ledger', 'application'), querySubject('payloads', 'counts')])
      expect(errorOf(await harness.ask(subject, { applicationId: newId() }))).toBe('NotFound');
  });

  it('waits for the configuration that a connector knew, with everything behind it', async () => {
    const tenant = await harness.tenant();
    await start();
    const { end } = await harness.bus.streamInfo('CONFIG');
    await harness.store(tenant, { number: 1, configSequence: end + 1 });
    await harness.messages(tenant, 2, 3);
    const later = newId();
    await harness.workflow(tenant, { id: later });
    await expect.poll(() => harness.startedBy(tenant, later)).toEqual([1, 2, 3]);
    expect((await harness.triggered(tenant)).every(({ decidedAt }) => decidedAt === end + 1)).toBe(true);
  });
});

/** What a predecessor leaves that died between its publishes and its commit: `of` those that message `number` at `position` starts. */
async function left(tenant: Tenant, number: number, position: number, of: string[], workflowIds = of): Promise<number> {
  const { applicationId, integrationId } = tenant;
  const fence = await harness.bus.writeFence('TRIGGERED', 'dispatch', partitionOf(applicationId), Date.now());
  const { end: decidedAt } = await harness.bus.streamInfo('CONFIG');
  for (const workflowId of workflowIds) {
    const event = { id: `${workflowId}-${number}-before`, applicationId, workflowId, triggerKey: integrationId, decidedAt };
    const carried = of.length > 1 ? { fanOut: of } : {};
    const { time } = inbound();
    const made = triggered({ ...event, ...carried, inboundSequence: position }, { sourceId: integrationId, number, time });
    await harness.bus.publishTriggered(made, fence);
  }
  return decidedAt;
}

describe('dispatch after another that was killed', () => {
  it('publishes nothing again that is stored, and completes what is stored in part, whatever changed meanwhile', async () => {
    const tenant = await harness.tenant();
    const [first, second, third, fourth] = [tenant.workflowId, newId(), newId(), newId()];
    for (const id of [second, third]) await harness.workflow(tenant, { id });
    const all = [first, second, third].sort();
    const positions: number[] = [];
    for (const number of [1, 2, 3]) positions.push(await harness.store(tenant, { number }));
    await left(tenant, 1, positions[0] ?? 0, all);
    const decidedAt = await left(tenant, 2, positions[1] ?? 0, all, [second]);
    await harness.configure('workflow', { applicationId: tenant.applicationId, id: third }, null);
    await harness.workflow(tenant, { id: fourth });
    await start();
    await expect.poll(() => ledger(tenant)).toMatchObject({ dispatched: 3, inFlight: 0, unexplained: 0, runs: { triggered: 9 } });
    const runs = await harness.triggered(tenant);
    const of = (number: number): string[] =>
      runs
        .filter((run) => run.inbound.number === number)
        .map(({ workflowId }) => workflowId)
        .sort();
    expect([of(1), of(2), of(3)]).toEqual([all, all, [first, second, fourth].sort()]);
    const completed = runs.filter((run) => run.inbound.number === 2);
    expect(completed.map((run) => [run.decidedAt, run.fanOut])).toEqual(completed.map(() => [decidedAt, all]));
  });

  it('makes the same counts again: what was dispatched is charged, and the quota is met exactly', async () => {
    const tenant = await harness.tenant({ payloads: 3, period: 'day' });
    const positions: number[] = [];
    for (const number of upTo(5)) positions.push(await harness.store(tenant, { number }));
    for (const number of [1, 2]) await left(tenant, number, positions[number - 1] ?? 0, [tenant.workflowId]);
    await start();
    await expect.poll(() => ledger(tenant)).toMatchObject({ received: 5, dispatched: 3, rejectedByQuota: 2 });
    expect(await harness.startedBy(tenant)).toEqual([1, 2, 3]);
  });

  it('meets the quota exactly, whatever of the messages before those that are stored is let through by now', async () => {
    const tenant = await harness.tenant({ payloads: 3, period: 'day' });
    const positions: number[] = [];
    for (const number of upTo(5)) positions.push(await harness.store(tenant, { number }));
    // By the configuration of then the first two were from an integration that was disabled.
    for (const number of [3, 4]) await left(tenant, number, positions[number - 1] ?? 0, [tenant.workflowId]);
    await start();
    await expect.poll(() => ledger(tenant)).toMatchObject({ received: 5, dispatched: 3, rejectedByQuota: 2 });
    expect(await harness.startedBy(tenant)).toEqual([3, 4, 1]);
  });

  it('takes a partition over although something in its triggers can not be read', async () => {
    const tenant = await harness.tenant();
    await harness.bus.publishOutbound(triggeredSubject(tenant.applicationId, newId()), Buffer.from('odd'), newId());
    await harness.messages(tenant, 1, 1);
    await start();
    await expect.poll(() => harness.startedBy(tenant)).toEqual([1]);
  });
});

describe('a message that its provider sends again', () => {
  const message = ({ applicationId, integrationId: sourceId }: Tenant, number: number, id = 'm'): InboundEvent =>
    inbound({ applicationId, sourceId, id: `${sourceId}:1:${id}`, number, sourceType: 'sqs' });
  const once = { received: 1, dispatched: 1, inFlight: 0, unexplained: 0, runs: { triggered: 1 } };
  const again = { ...once, beside: { redelivered: 1 } };
  /** So that the bus forgets its id when it is restarted. */
  const untilPurged = async (tenant: Tenant): Promise<void> => {
    await expect.poll(() => harness.bus.list('INBOUND', inboundFilter(partitionOf(tenant.applicationId)))).toEqual([]);
  };

  it('starts nothing, although the bus was restarted, and the ledger closes', async () => {
    const tenant = await harness.tenant();
    await start();
    await harness.store(tenant, message(tenant, 1));
    await untilPurged(tenant);
    await harness.nats.restart();
    await harness.store(tenant, message(tenant, 2));
    await expect.poll(() => ledger(tenant), { timeout: 30_000 }).toMatchObject(again);
    await harness.store(tenant, message(tenant, 3, 'n'));
    await expect.poll(() => ledger(tenant)).toMatchObject({ received: 2, dispatched: 2, runs: { triggered: 2 } });
    expect(closes(await ledger(tenant))).toBe(true);
    expect({ ...(await ledger(tenant)), integrationId: undefined }).toEqual(await whole(tenant));
  });

  it('starts nothing, although everything was', { timeout: 60_000 }, async () => {
    const tenant = await harness.tenant();
    const service = await start();
    await harness.store(tenant, message(tenant, 1));
    await untilPurged(tenant);
    running.delete(service);
    await service.stop();
    await harness.postgres.kill();
    await Promise.all([harness.nats.restart(), harness.postgres.start()]);
    await harness.store(tenant, message(tenant, 2));
    await start();
    await expect.poll(() => ledger(tenant), { timeout: 30_000 }).toMatchObject(again);
  });

  it('starts nothing, where the first was dispatched and not committed', async () => {
    const tenant = await harness.tenant();
    const position = await harness.store(tenant, message(tenant, 1));
    await left(tenant, 1, position, [tenant.workflowId]);
    // As the bus would have stored it once it had forgotten the id.
    await harness.bus.publishInbound(message(tenant, 2), newId(), undefined);
    await start();
    await expect.poll(() => ledger(tenant)).toMatchObject(again);
  });

  it('is not counted at all, where its connector stored it again under the number it had', async () => {
    const tenant = await harness.tenant();
    await start();
    await harness.store(tenant, message(tenant, 1));
    await harness.bus.publishInbound(message(tenant, 1), newId(), undefined);
    await harness.store(tenant, message(tenant, 2, 'n'));
    const twice = { received: 2, dispatched: 2, inFlight: 0, unexplained: 0, beside: { redelivered: 0 }, runs: { triggered: 2 } };
    await expect.poll(() => ledger(tenant)).toMatchObject(twice);
    expect(await harness.startedBy(tenant)).toEqual([1, 2]);
  });
});

describe('dispatch, when what it stands on fails', () => {
  it('holds while TRIGGERED is full, and goes on in order when there is room', async () => {
    const tenant = await harness.tenant();
    await start();
    const filled = await harness.fill('TRIGGERED');
    await harness.messages(tenant, 1, 50);
    await expect.poll(() => ledger(tenant)).toMatchObject({ received: 50, inFlight: 50 });
    await harness.bus.purge('TRIGGERED', filled, (await harness.bus.streamInfo('TRIGGERED')).end);
    await expect.poll(() => ledger(tenant), { timeout: 30_000 }).toMatchObject({ dispatched: 50, inFlight: 0, unexplained: 0 });
    expect(await harness.startedBy(tenant)).toEqual(upTo(50));
  });

  it('publishes nothing a second time whose answer was lost with the link', { timeout: 60_000 }, async () => {
    const tenant = await harness.tenant();
    const link = await startFaultProxy({ port: harness.nats.port });
    const service = await start(`nats://127.0.0.1:${link.port}`);
    // Answers are on their way for so long that some are lost with it.
    link.mode({ kind: 'pass', delayMs: 100 });
    const storing = harness.messages(tenant, 1, 100);
    await expect.poll(async () => (await harness.startedBy(tenant)).length, { interval: 1 }).toBeGreaterThan(0);
    link.drop();
    link.mode({ kind: 'pass' });
    await storing;
    await expect.poll(() => ledger(tenant), { timeout: 30_000 }).toMatchObject({ received: 100, dispatched: 100, inFlight: 0 });
    expect(await harness.startedBy(tenant)).toEqual(upTo(100));
    running.delete(service);
    await service.stop();
    await link.stop();
  });

  it.each([
    ['the bus', () => harness.nats.restart()],
    [
      'PostgreSQL',
      async () => {
        await harness.postgres.kill();
        await harness.postgres.start();
      },
    ],
  ])('loses and repeats nothing when %s is killed in the middle', { timeout: 60_000 }, async (_, kill) => {
    const tenant = await harness.tenant();
    await start();
    const storing = harness.messages(tenant, 1, 600);
    await expect.poll(async () => (await harness.startedBy(tenant)).length).toBeGreaterThan(50);
    await kill();
    await storing;
    const done = { received: 600, dispatched: 600, inFlight: 0, unexplained: 0, runs: { triggered: 600 } };
    await expect.poll(() => ledger(tenant), { timeout: 30_000 }).toMatchObject(done);
    expect(await harness.startedBy(tenant)).toEqual(upTo(600));
  });
});
