import type { NodeState } from '#lib/contracts';
import { partitionOf } from '#lib/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { node } from '../../../test/builders/runs.ts';
import { RunnerHarness, type RunTenant } from '../../../test/harness/runner.ts';

let harness: RunnerHarness;

beforeAll(async () => {
  harness = await RunnerHarness.start();
});
afterEach(() => harness.clear());
afterAll(() => harness.stop());

const out = (id: string, integrationId: string, ...next: string[][]): NodeState =>
  node(id, 'MqttMessageNode', { integrationId, topicTemplate: id, messageTemplate: '{{data.message}}' }, ...next);
/** before → wait → after */
const waiting =
  (delay: string) =>
  ({ integrationId }: { integrationId: string }) => [
    out('before', integrationId, ['wait']),
    node('wait', 'DelayNode', { delay }, ['after']),
    out('after', integrationId),
  ];

interface Wait {
  until: number;
  ran: number;
}
/** The delays of the tenant's runs, as they stand on record. */
async function waits(of: RunTenant): Promise<Wait[]> {
  const { rows } = await harness.sql.query<{ outcome: string }>(
    `select outcome from runner.run_steps where partition = $1 and step like '["delay",%' order by position`,
    [partitionOf(of.applicationId)],
  );
  return rows.map(({ outcome }) => JSON.parse(outcome) as Wait);
}
/** As if time had passed: changes the one delay on record. */
const shift = (of: RunTenant, wait: Wait): Promise<unknown> =>
  harness.sql.query(`update runner.run_steps set outcome = $2 where partition = $1 and step like '["delay",%'`, [
    partitionOf(of.applicationId),
    JSON.stringify(wait),
  ]);

describe('a run in a delay', () => {
  it('goes on after its process was killed, waits only for what remains, and sends nothing again', { timeout: 240_000 }, async () => {
    const to = await harness.tenant(waiting('58'));
    const sent = harness.owner(to);
    let child = await harness.spawn();
    await harness.publish(to, 1);
    await expect.poll(() => waits(to)).toHaveLength(1);
    const wait = { until: Date.now() + 3_600_000, ran: 58_000 };
    await shift(to, wait);
    // However often: it rests, so it is not what kills the process.
    for (let kills = 0; kills < 6; kills++) {
      await harness.kill(child);
      child = await harness.spawn();
      const open = `select attempt from runner.open_runs where partition = $1`;
      await expect.poll(async () => (await harness.sql.query(open, [partitionOf(to.applicationId)])).rows).toEqual([{ attempt: 2 }]);
    }
    await harness.kill(child);
    expect(await waits(to)).toEqual([wait]);
    await shift(to, { until: Date.now() - 1, ran: 58_000 });
    await harness.startRunner();
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 1, failed: 0, deadLettered: 0 });
    expect(sent.map(({ options }) => options['topic'])).toEqual(['before', 'after']);
    expect(harness.attemptsOf(to)).toEqual([[`${to.workflowId}-1`, 3, 'succeeded']]);
    await expect.poll(() => waits(to)).toEqual([]);
  });

  it('has no more than its 60 seconds, those before an interruption included', async () => {
    const to = await harness.tenant(waiting('50'));
    const sent = harness.owner(to, ({ options }) => (options['topic'] === 'after' ? 'busy' : 'succeeded'));
    const child = await harness.spawn();
    await harness.publish(to, 1);
    await expect.poll(() => waits(to)).toHaveLength(1);
    await harness.kill(child);
    await shift(to, { until: Date.now() - 1, ran: 59_500 });
    await harness.startRunner();
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 0, failed: 1 });
    const error = harness.activity.find(({ kind, id }) => kind === 'runError' && id === to.workflowId)?.body['error'];
    expect(error).toMatchObject({ name: 'WorkflowTimeout' });
    expect(sent.some(({ options }) => options['topic'] === 'after')).toBe(true);
  });

  it('holds up no other run of its source, nor a stop in order', async () => {
    const to = await harness.tenant(({ integrationId }) => [
      node('which', 'ConditionalNode', { expression: '{{data.message}} <= 100' }, ['out'], ['wait']),
      node('wait', 'DelayNode', { delay: '59' }, ['out']),
      out('out', integrationId),
    ]);
    const sent = harness.owner(to);
    const service = await harness.startRunner({ drainMs: 600_000 }); // it would wait as long for runs that end
    for (let number = 1; number <= 101; number++) await harness.publish(to, number);
    await expect.poll(() => sent.map(({ payload }) => payload)).toEqual(['101']);
    await expect.poll(() => waits(to)).toHaveLength(100);
    await harness.stopRunner(service);
    await shift(to, { until: Date.now() - 1, ran: 59_000 });
    await harness.startRunner();
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 101, failed: 0 });
    expect(new Set(sent.map(({ id }) => id)).size).toBe(101);
    expect(sent).toHaveLength(101);
  });
});
