import { createLogger, type RunningService } from '#lib/platform';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startDispatch } from '../../apps/workflow-dispatch/src/index.ts';
import { startRunner } from '../../apps/workflow-runner/src/index.ts';
import { node, trigger, workflow } from '../builders/runs.ts';
import { newId } from '../harness/dispatch.ts';
import { inbound } from '../builders/inbound.ts';
import { secretSettings } from '../servers/master-key.ts';
import { RunnerHarness } from '../harness/runner.ts';

let harness: RunnerHarness;
const running = new Set<RunningService>();

beforeAll(async () => {
  harness = await RunnerHarness.start();
});
afterEach(async () => {
  for (const service of running) await service.stop();
  running.clear();
  await harness.clear();
});
afterAll(() => harness.stop());

it('a failed run starts the flowError triggers that hear of it, and their own failure starts none', async () => {
  const options = { natsUrl: harness.nats.url, postgresUrl: harness.postgres.url, replicaId: 'r1', standalone: true, ...secretSettings() };
  for (const start of [startDispatch, startRunner])
    running.add(await start({ ...options, log: createLogger({ service: 'test', level: 'silent' }) }));
  for (const service of running) await expect.poll(() => service.ready()).toEqual({ ok: true });
  const to = await harness.tenant(() => [node('throw', 'ThrowErrorNode', { messageTemplate: 'no {{data.message}}' })]);
  const { applicationId, integrationId, workflowId } = to;
  const sent = harness.owner(to);
  const listener = { id: newId(), applicationId };
  const nodes = [
    node('tell', 'MqttMessageNode', { integrationId, topicTemplate: '{{relayId}}', messageTemplate: '{{data.errorInfo.error.message}}' }, [
      'fail',
    ]),
    node('fail', 'ThrowErrorNode', { messageTemplate: 'mine' }),
  ];
  const triggers = [trigger(['tell'], { type: 'flowError', key: 'errors', config: { scope: 'global' } })];
  const configSequence = await harness.configure('workflow', workflow(nodes, { ...listener, triggers }));
  for (const number of [1, 2])
    await harness.bus.publishInbound(
      inbound({ applicationId, sourceId: integrationId, number, configSequence, body: Buffer.from(String(number)) }),
      undefined,
      undefined,
    );
  await expect.poll(() => sent.map(({ payload }) => payload)).toEqual(['no 1', 'no 2']);
  expect(sent.map(({ options: { topic } }) => topic)).toEqual([workflowId, workflowId]);
  const failed = (id: string): number => harness.activity.filter((entry) => entry.kind === 'runError' && entry.id === id).length;
  await expect.poll(() => [failed(workflowId), failed(listener.id)]).toEqual([2, 2]);
  // Counts are committed in their own time.
  const counted = async (): Promise<unknown[]> => {
    const { rows } = await harness.sql.query(
      `select source_id, received from dispatch.event_counts where type = 'flowError' and application_id = $1`,
      [applicationId],
    );
    return rows as unknown[];
  };
  await expect.poll(counted).toEqual([{ source_id: workflowId, received: '2' }]);
});
