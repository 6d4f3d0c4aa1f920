import { outboundSubject, partitionOf, SendRequest, triggeredFilter, type Activity, type NodeState } from '#lib/contracts';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { node, trigger, workflow } from '../../../test/builders/runs.ts';
import { RunnerHarness, type RunTenant } from '../../../test/harness/runner.ts';

let harness: RunnerHarness;

beforeAll(async () => {
  harness = await RunnerHarness.start();
});
afterEach(() => harness.clear());
afterAll(() => harness.stop());

const answers = ({ integrationId }: { integrationId: string }): NodeState[] => [
  node('m', 'MutateNode', { rules: [{ type: 'set', valueTemplate: '{{data.message}}', destination: 'working.n' }] }, ['out']),
  node('out', 'MqttMessageNode', { integrationId, topicTemplate: 'out', messageTemplate: '{"n": {{working.n}} }' }),
];
const restartsOf = (of: RunTenant): unknown[] => harness.attemptsOf(of).filter((run) => (run as number[])[1] !== 1);

/** What the journal holds of the tenant's partition, in stream order. */
async function attempts(of: RunTenant): Promise<(number | null)[]> {
  const open = 'select attempt from runner.open_runs where partition = $1 order by position';
  const { rows } = await harness.sql.query<{ attempt: number | null }>(open, [partitionOf(of.applicationId)]);
  return rows.map(({ attempt }) => attempt);
}

describe('the runner', () => {
  it('runs what is stored, in order, answers through the owner, counts, and purges what nobody needs', async () => {
    const to = await harness.tenant(answers);
    const sent = harness.owner(to, () => 'succeeded');
    for (let number = 1; number <= 50; number++) await harness.publish(to, number);
    await harness.startRunner();
    for (let number = 51; number <= 100; number++) await harness.publish(to, number);
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 100, failed: 0, deadLettered: 0 });
    expect(sent.map(({ payload }) => payload)).toEqual(Array.from({ length: 100 }, (_, i) => `{"n": ${i + 1} }`));
    expect(sent[0]).toMatchObject({ id: `${to.workflowId}-1:out:0`, options: { topic: 'out', qos: 0, retain: false } });
    await expect.poll(() => harness.bus.list('TRIGGERED', triggeredFilter(partitionOf(to.applicationId)))).toEqual([]);
  });

  it('keeps what dispatch needs, until it needs it no more, whoever holds the partition then', { timeout: 60_000 }, async () => {
    const to = await harness.tenant(answers);
    harness.owner(to, () => 'succeeded');
    const left = async (): Promise<number[]> =>
      (await harness.bus.list('TRIGGERED', triggeredFilter(partitionOf(to.applicationId)))).map(({ position }) => position);
    const settled = await harness.publish(to, 1);
    const needed = [await harness.publish(to, 2), await harness.publish(to, 3)];
    harness.settledThrough = undefined;
    const first = await harness.startRunner();
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 3, failed: 0, deadLettered: 0 });
    expect(await left()).toEqual([settled, ...needed]);
    harness.settledThrough = settled;
    await expect.poll(left).toEqual(needed);
    await harness.stopRunner(first);
    await harness.startRunner();
    expect(await left()).toEqual(needed);
    harness.settledThrough = needed[1];
    await expect.poll(left).toEqual([]);
  });

  it('waits for the configuration that a run was decided with', async () => {
    const to = await harness.tenant(answers);
    const sent = harness.owner(to, () => 'succeeded');
    await harness.startRunner();
    const { end } = await harness.bus.streamInfo('CONFIG');
    await harness.publish(to, 1, { decidedAt: end + 1 });
    await harness.publish(to, 2);
    const changed = node('out', 'MqttMessageNode', { integrationId: to.integrationId, topicTemplate: 'new', messageTemplate: 'x' });
    const { applicationId, workflowId, integrationId } = to;
    const triggers = [trigger(['out'], { key: integrationId })];
    await harness.configure('workflow', workflow([changed], { id: workflowId, applicationId, triggers }));
    await expect.poll(() => sent.map(({ options }) => options['topic'])).toEqual(['new', 'new']);
  });

  it('says how runs failed, each of them', async () => {
    const to = await harness.tenant(() => [node('bad', 'ThrowErrorNode', { messageTemplate: 'no {{data.topic}}' })]);
    await harness.startRunner();
    for (let number = 1; number <= 8; number++) await harness.publish(to, number);
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 0, failed: 8, deadLettered: 0 });
    const errors = (): Activity[] => harness.activity.filter(({ kind, id }) => kind === 'runError' && id === to.workflowId);
    await expect.poll(errors).toHaveLength(8);
    expect(errors()[0]?.body).toMatchObject({
      id: `${to.workflowId}-1`,
      flowId: to.workflowId,
      status: 'failed',
      error: { name: 'ThrowError', message: 'no in/a', nodeId: 'bad', nodeType: 'ThrowErrorNode' },
    });
  });

  it('queues what a disconnected broker cannot take', async () => {
    const to = await harness.tenant(answers);
    harness.owner(to, () => 'disconnected');
    await harness.startRunner();
    await harness.publish(to, 1);
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 1, failed: 0, deadLettered: 0 });
    const [queued] = await harness.bus.list('OUTBOUND', outboundSubject('mqtt', to.applicationId, to.integrationId));
    expect(SendRequest.parse(JSON.parse(Buffer.from(queued?.body ?? []).toString()))).toMatchObject({
      id: `${to.workflowId}-1:out:0`,
      payload: '{"n": 1 }',
      options: { topic: 'out' },
    });
  });

  it('queues what nobody answers for five seconds', async () => {
    const to = await harness.tenant(answers);
    await harness.startRunner();
    await harness.publish(to, 1);
    await expect.poll(() => harness.counts(to), { timeout: 15_000 }).toMatchObject({ succeeded: 1, failed: 0, deadLettered: 0 });
    expect(await harness.bus.list('OUTBOUND', outboundSubject('mqtt', to.applicationId, to.integrationId))).toHaveLength(1);
  });

  it('does not let one slow run hold up others, and runs none again that ended before a crash', async () => {
    const to = await harness.tenant(answers);
    let slow = true;
    harness.owner(to, ({ payload }) => (slow && payload === '{"n": 1 }' ? 'busy' : 'succeeded'));
    const killed = await harness.spawn();
    for (let number = 1; number <= 4; number++) await harness.publish(to, number);
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 3, failed: 0, deadLettered: 0 });
    await harness.kill(killed);
    slow = false;
    await harness.startRunner();
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 4, failed: 0, deadLettered: 0 });
    expect(restartsOf(to)).toEqual([[`${to.workflowId}-1`, 2, 'succeeded']]);
  });

  it('starts interrupted runs again and says so, until the fifth interruption ends them', { timeout: 240_000 }, async () => {
    const to = await harness.tenant(answers);
    let stuck = true;
    const sent = harness.owner(to, () => (stuck ? 'busy' : 'succeeded'));
    let child = await harness.spawn();
    await harness.publish(to, 1);
    await harness.publish(to, 2);
    await expect.poll(() => new Set(sent.map(({ payload }) => payload)).size).toBe(2);
    // From the second interruption on they are tried one at a time: the second one waits for the first, which doesn't end.
    for (const expected of [
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 2],
    ]) {
      await harness.kill(child);
      child = await harness.spawn();
      await expect.poll(() => attempts(to)).toEqual(expected);
    }
    await harness.kill(child);
    await harness.spawn();
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 0, failed: 0, deadLettered: 1 });
    await expect.poll(() => attempts(to)).toEqual([3]);
    stuck = false;
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 1, failed: 0, deadLettered: 1 });
    const [letter] = await harness.bus.list('DEAD_LETTERS', `deadletter.${to.applicationId}.>`);
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
    const to = await harness.tenant(answers);
    const sent = harness.owner(to, () => 'succeeded');
    const child = await harness.spawn(point);
    const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    for (let number = 1; number <= 20; number++) await harness.publish(to, number);
    await gone;
    expect(child.signalCode).toBe('SIGKILL');
    await harness.startRunner();
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 20, failed: 0, deadLettered: 0 });
    // What is sent twice has the same id: its owner, which lives, sends it once.
    expect(new Set(sent.map(({ id }) => id)).size).toBe(20);
  });

  it('asks again for the outcome of a send that is on its way, and has it sent once', async () => {
    const to = await harness.tenant(answers);
    const sent = harness.owner(to, ({ asked }) => (asked === true ? 'succeeded' : 'pending'));
    await harness.startRunner();
    await harness.publish(to, 1);
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 1, failed: 0 });
    const [first] = sent;
    expect(sent).toEqual([first, { ...first, asked: true }]);
  });

  it('takes nothing for interrupted after a stop in order', async () => {
    const to = await harness.tenant(answers);
    harness.owner(to, () => 'succeeded');
    const first = await harness.startRunner();
    await harness.publish(to, 1);
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 1 });
    await harness.stopRunner(first);
    await harness.publish(to, 2);
    await harness.startRunner();
    await expect
      .poll(() => harness.attemptsOf(to))
      .toEqual([
        [`${to.workflowId}-1`, 1, 'succeeded'],
        [`${to.workflowId}-2`, 1, 'succeeded'],
      ]);
  });

  it('buries a message that cannot be read, and goes on', async () => {
    const to = await harness.tenant(answers);
    const sent = harness.owner(to, () => 'succeeded');
    await harness.startRunner();
    const subject = `triggered.${partitionOf(to.applicationId)}.${to.applicationId}.${to.workflowId}`;
    await harness.bus.publishOutbound(subject, Buffer.from('odd'), 'poison-1');
    await harness.publish(to, 1);
    await expect.poll(() => sent.length).toBe(1);
    await expect.poll(() => harness.bus.list('DEAD_LETTERS', `deadletter.${to.applicationId}.>`)).toHaveLength(1);
  });

  it('counts a message of dispatch that cannot be read where dispatch has counted it', async () => {
    const to = await harness.tenant(answers);
    harness.owner(to, () => 'succeeded');
    await harness.startRunner();
    await harness.publish(to, 1, { decidedAt: -1 });
    await harness.publish(to, 2);
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 1, failed: 0, deadLettered: 1 });
  });

  it('survives a restart of the bus in the middle of its runs', { timeout: 60_000 }, async () => {
    const to = await harness.tenant(answers);
    harness.owner(to, () => 'succeeded');
    await harness.startRunner();
    for (let number = 1; number <= 200; number++) await harness.publish(to, number);
    await harness.nats.restart();
    await expect
      .poll(() => harness.counts(to).catch(() => undefined), { timeout: 30_000 })
      .toMatchObject({ succeeded: 200, failed: 0, deadLettered: 0 });
  });
});
