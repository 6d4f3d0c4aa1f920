import {
  outboundSubject,
  RUN_COUNTS_SUBJECT,
  SendRequest,
  sendSubject,
  type Activity,
  type ConfigStates,
  type LiveKind,
  type NodeState,
  type SendReply,
  type TriggeredEvent,
  triggeredFilter,
  partitionOf,
} from '#lib/contracts';
import { connectBus, migrateBus, type Bus, type Fence } from '#lib/messaging';
import { createLogger, type RunningService } from '#lib/platform';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { application, integration, node, trigger, triggered, workflow } from '../../../test/builders/runs.ts';
import { startTestNats, type TestNats } from '../../../test/servers/nats.ts';
import { startTestPostgres, type TestPostgres } from '../../../test/servers/postgres.ts';
import { startRunner } from './index.ts';

let nats: TestNats;
let postgres: TestPostgres;
let bus: Bus;
let sql: pg.Client;
let epochs = 0;
const log = createLogger({ service: 'runner', level: process.env['SLUICE_TEST_LOG'] ?? 'silent' });
const running = new Set<RunningService>();
const processes = new Set<ChildProcess>();
const serving = new Set<{ stop(): Promise<void> }>();
const activity: Activity[] = [];

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  const options = { servers: nats.url, name: 'test' };
  await migrateBus(options, { streamBytes: 64 * 1024 * 1024, replicas: 1 });
  bus = await connectBus(options);
  await bus.followActivity((entry) => void activity.push(entry));
  sql = new pg.Client(postgres.url);
  await sql.connect();
});
afterEach(async () => {
  for (const service of running) await service.stop();
  running.clear();
  for (const child of processes) await kill(child);
  for (const server of serving) await server.stop();
  serving.clear();
});
afterAll(async () => {
  await sql.end();
  await bus.close();
  await Promise.all([nats.stop(), postgres.stop()]);
});

const newId = (): string => randomBytes(12).toString('hex');

async function start(): Promise<RunningService> {
  const service = await startRunner({ natsUrl: nats.url, postgresUrl: postgres.url, replicaId: 'r1', standalone: true, log });
  running.add(service);
  await expect.poll(() => service.ready(), { timeout: 10_000 }).toEqual({ ok: true });
  return service;
}

async function stop(service: RunningService): Promise<void> {
  running.delete(service);
  await service.stop();
}

const PROCESS = fileURLToPath(new URL('../../../test/e2e/runner-process.ts', import.meta.url));

/** The runner as a process of its own, to be killed; `fault` is a point at which it kills itself. Resolves when it is ready, or gone. */
async function spawnRunner(fault = ''): Promise<ChildProcess> {
  const flags = ['-C', 'source', '-C', 'fault', '--experimental-transform-types', '--no-warnings'];
  const env = { ...process.env, NODE_OPTIONS: '', SLUICE_FAULT: fault };
  const child = spawn(process.execPath, [...flags, PROCESS, nats.url, postgres.url], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  processes.add(child);
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  processes.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Where each state was stored last. */
const stored = new Map<string, number>();

async function configure<K extends LiveKind>(kind: K, state: ConfigStates[K] & { applicationId?: string }): Promise<number> {
  const { position } = await bus.publishConfig(
    {
      kind,
      type: kind === 'integration' ? 'mqtt' : '-',
      applicationId: state.applicationId ?? state.id,
      id: state.id,
      event: 'Changed',
      epoch: ++epochs,
      version: 1,
      eventPosition: epochs,
      actor: { type: 'apiToken', id: 'test' },
      time: '2026-01-01T00:00:00.000Z',
      state,
    },
    { expected: stored.get(state.id) ?? 0 },
  );
  stored.set(state.id, position);
  return position;
}

interface Tenant {
  readonly applicationId: string;
  readonly integrationId: string;
  readonly workflowId: string;
  readonly decidedAt: number;
  readonly fence: Fence;
}

/** An application with a broker and one workflow. */
async function tenant(nodes: (ids: { integrationId: string }) => NodeState[]): Promise<Tenant> {
  const [applicationId, integrationId, workflowId] = [newId(), newId(), newId()];
  await configure('application', application({ id: applicationId }));
  await configure('integration', integration({ id: integrationId, applicationId }));
  const made = nodes({ integrationId });
  const triggers = [trigger([made[0]?.id ?? ''], { key: integrationId })];
  const decidedAt = await configure('workflow', workflow(made, { id: workflowId, applicationId, triggers }));
  const fence = await bus.writeFence('TRIGGERED', 'dispatch', partitionOf(applicationId), ++epochs);
  return { applicationId, integrationId, workflowId, decidedAt, fence };
}

/** What dispatch does: stores that message `number` of the tenant's broker starts its workflow. */
async function publish(to: Tenant, number: number, changes: Partial<TriggeredEvent> = {}): Promise<number> {
  const { applicationId, integrationId, workflowId, decidedAt, fence } = to;
  const event = triggered(
    {
      id: `${workflowId}-${number}`,
      applicationId,
      workflowId,
      triggerKey: integrationId,
      decidedAt,
      inboundSequence: number,
      committed: number,
      body: Buffer.from(String(number)),
      ...changes,
    },
    { sourceId: integrationId, number },
  );
  return (await bus.publishTriggered(event, fence)).position;
}

/** The owner of the tenant's broker: answers each send as `verdict` says, and keeps what it was asked. */
function owner(of: Tenant, verdict: (request: SendRequest) => SendReply['verdict']): SendRequest[] {
  const requests: SendRequest[] = [];
  const subject = sendSubject('mqtt', of.applicationId, of.integrationId);
  serving.add(
    bus.serve(subject, async (_, body) => {
      const request = SendRequest.parse(JSON.parse(Buffer.from(body).toString()));
      requests.push(request);
      return Buffer.from(JSON.stringify({ verdict: verdict(request) }));
    }),
  );
  return requests;
}

async function counts(of: Tenant): Promise<unknown> {
  const request = { applicationId: of.applicationId, integrationId: of.integrationId };
  return JSON.parse(Buffer.from(await bus.request(RUN_COUNTS_SUBJECT, Buffer.from(JSON.stringify(request)), 5_000)).toString());
}

const answers = ({ integrationId }: { integrationId: string }): NodeState[] => [
  node('m', 'MutateNode', { rules: [{ type: 'set', valueTemplate: '{{data.message}}', destination: 'working.n' }] }, ['out']),
  node('out', 'MqttMessageNode', { integrationId, topicTemplate: 'out', messageTemplate: '{"n": {{working.n}} }' }),
];
const attemptsOf = (of: Tenant): unknown[] =>
  activity
    .filter(({ kind, id }) => kind === 'run' && id === of.workflowId)
    .map(({ body }) => [body['id'], body['attempt'], body['status']]);
const restartsOf = (of: Tenant): unknown[] => attemptsOf(of).filter((run) => (run as number[])[1] !== 1);

/** What the journal holds of the tenant's partition, in stream order. */
async function attempts(of: Tenant): Promise<(number | null)[]> {
  const open = 'select attempt from runner.open_runs where partition = $1 order by position';
  const { rows } = await sql.query<{ attempt: number | null }>(open, [partitionOf(of.applicationId)]);
  return rows.map(({ attempt }) => attempt);
}

describe('the runner', () => {
  it('runs what is stored, in order, answers through the owner, counts, and purges what nobody needs', async () => {
    const to = await tenant(answers);
    const sent = owner(to, () => 'succeeded');
    for (let number = 1; number <= 50; number++) await publish(to, number);
    await start();
    for (let number = 51; number <= 100; number++) await publish(to, number);
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 100, failed: 0, deadLettered: 0 });
    expect(sent.map(({ payload }) => payload)).toEqual(Array.from({ length: 100 }, (_, i) => `{"n": ${i + 1} }`));
    expect(sent[0]).toMatchObject({ id: `${to.workflowId}-1:out:0`, options: { topic: 'out', qos: 0, retain: false } });
    await expect.poll(() => bus.list('TRIGGERED', triggeredFilter(partitionOf(to.applicationId)))).toEqual([]);
  });

  it('keeps what dispatch has not committed', async () => {
    const to = await tenant(answers);
    owner(to, () => 'succeeded');
    await start();
    await publish(to, 1, { committed: 0 });
    const kept = await publish(to, 2, { committed: 1 });
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 2, failed: 0, deadLettered: 0 });
    const left = async (): Promise<number[]> =>
      (await bus.list('TRIGGERED', triggeredFilter(partitionOf(to.applicationId)))).map(({ position }) => position);
    await expect.poll(left).toEqual([kept]);
  });

  it('waits for the configuration that a run was decided with', async () => {
    const to = await tenant(answers);
    const sent = owner(to, () => 'succeeded');
    await start();
    const { end } = await bus.streamInfo('CONFIG');
    await publish(to, 1, { decidedAt: end + 1 });
    await publish(to, 2);
    const changed = node('out', 'MqttMessageNode', { integrationId: to.integrationId, topicTemplate: 'new', messageTemplate: 'x' });
    const { applicationId, workflowId, integrationId } = to;
    const triggers = [trigger(['out'], { key: integrationId })];
    await configure('workflow', workflow([changed], { id: workflowId, applicationId, triggers }));
    await expect.poll(() => sent.map(({ options }) => options['topic'])).toEqual(['new', 'new']);
  });

  it('says how runs failed, each of them', async () => {
    const to = await tenant(() => [node('bad', 'ThrowErrorNode', { messageTemplate: 'no {{data.topic}}' })]);
    await start();
    for (let number = 1; number <= 8; number++) await publish(to, number);
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 0, failed: 8, deadLettered: 0 });
    const errors = (): Activity[] => activity.filter(({ kind, id }) => kind === 'runError' && id === to.workflowId);
    await expect.poll(errors).toHaveLength(8);
    expect(errors()[0]?.body).toMatchObject({
      id: `${to.workflowId}-1`,
      flowId: to.workflowId,
      status: 'failed',
      error: { name: 'ThrowError', message: 'no in/a', nodeId: 'bad', nodeType: 'ThrowErrorNode' },
    });
  });

  it('queues what a disconnected broker cannot take', async () => {
    const to = await tenant(answers);
    owner(to, () => 'disconnected');
    await start();
    await publish(to, 1);
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 1, failed: 0, deadLettered: 0 });
    const [queued] = await bus.list('OUTBOUND', outboundSubject('mqtt', to.applicationId, to.integrationId));
    expect(SendRequest.parse(JSON.parse(Buffer.from(queued?.body ?? []).toString()))).toMatchObject({
      id: `${to.workflowId}-1:out:0`,
      payload: '{"n": 1 }',
      options: { topic: 'out' },
    });
  });

  it('queues what nobody answers for five seconds', async () => {
    const to = await tenant(answers);
    await start();
    await publish(to, 1);
    await expect.poll(() => counts(to), { timeout: 15_000 }).toMatchObject({ succeeded: 1, failed: 0, deadLettered: 0 });
    expect(await bus.list('OUTBOUND', outboundSubject('mqtt', to.applicationId, to.integrationId))).toHaveLength(1);
  });

  it('does not let one slow run hold up others, and runs none again that ended before a crash', async () => {
    const to = await tenant(answers);
    let slow = true;
    owner(to, ({ payload }) => (slow && payload === '{"n": 1 }' ? 'busy' : 'succeeded'));
    const killed = await spawnRunner();
    for (let number = 1; number <= 4; number++) await publish(to, number);
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 3, failed: 0, deadLettered: 0 });
    await kill(killed);
    slow = false;
    await start();
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 4, failed: 0, deadLettered: 0 });
    expect(restartsOf(to)).toEqual([[`${to.workflowId}-1`, 2, 'succeeded']]);
  });

  it('starts interrupted runs again and says so, until the fifth interruption ends them', { timeout: 60_000 }, async () => {
    const to = await tenant(answers);
    let stuck = true;
    const sent = owner(to, () => (stuck ? 'busy' : 'succeeded'));
    let child = await spawnRunner();
    await publish(to, 1);
    await publish(to, 2);
    await expect.poll(() => new Set(sent.map(({ payload }) => payload)).size).toBe(2);
    // From the second interruption on they are tried one at a time: the second one waits for the first, which doesn't end.
    for (const expected of [
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 2],
    ]) {
      await kill(child);
      child = await spawnRunner();
      await expect.poll(() => attempts(to)).toEqual(expected);
    }
    await kill(child);
    await spawnRunner();
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 0, failed: 0, deadLettered: 1 });
    await expect.poll(() => attempts(to)).toEqual([3]);
    stuck = false;
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 1, failed: 0, deadLettered: 1 });
    const [letter] = await bus.list('DEAD_LETTERS', `deadletter.${to.applicationId}.>`);
    expect(JSON.parse(Buffer.from(letter?.body ?? []).toString())).toMatchObject({
      stage: 'run',
      reason: 'attempts',
      sourceId: to.integrationId,
      replay: { subject: `triggered.${partitionOf(to.applicationId)}.${to.applicationId}.${to.workflowId}` },
    });
  });

  it.each([
    ['runner.beforeSend:7', 'in a run, before a send'],
    ['runner.afterSend:7', 'in a run, after a send'],
    ['runner.afterCommit:1', 'after a commit, before the purge'],
  ])('loses nothing and counts each run once when it is killed at %s (%s)', async (point) => {
    const to = await tenant(answers);
    const sent = owner(to, () => 'succeeded');
    const child = await spawnRunner(point);
    const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    for (let number = 1; number <= 20; number++) await publish(to, number);
    await gone;
    expect(child.signalCode).toBe('SIGKILL');
    await start();
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 20, failed: 0, deadLettered: 0 });
    // What is sent twice has the same id: its owner, which lives, sends it once.
    expect(new Set(sent.map(({ id }) => id)).size).toBe(20);
  });

  it('takes nothing for interrupted after a stop in order', async () => {
    const to = await tenant(answers);
    owner(to, () => 'succeeded');
    const first = await start();
    await publish(to, 1);
    await expect.poll(() => counts(to)).toMatchObject({ succeeded: 1 });
    await stop(first);
    await publish(to, 2);
    await start();
    await expect
      .poll(() => attemptsOf(to))
      .toEqual([
        [`${to.workflowId}-1`, 1, 'succeeded'],
        [`${to.workflowId}-2`, 1, 'succeeded'],
      ]);
  });

  it('buries a message that cannot be read, and goes on', async () => {
    const to = await tenant(answers);
    const sent = owner(to, () => 'succeeded');
    await start();
    const subject = `triggered.${partitionOf(to.applicationId)}.${to.applicationId}.${to.workflowId}`;
    await bus.publishOutbound(subject, Buffer.from('odd'), 'poison-1');
    await publish(to, 1);
    await expect.poll(() => sent.length).toBe(1);
    await expect.poll(() => bus.list('DEAD_LETTERS', `deadletter.${to.applicationId}.>`)).toHaveLength(1);
  });

  it('survives a restart of the bus in the middle of its runs', { timeout: 60_000 }, async () => {
    const to = await tenant(answers);
    owner(to, () => 'succeeded');
    await start();
    for (let number = 1; number <= 200; number++) await publish(to, number);
    await nats.restart();
    await expect
      .poll(() => counts(to).catch(() => undefined), { timeout: 30_000 })
      .toMatchObject({ succeeded: 200, failed: 0, deadLettered: 0 });
  });
});
