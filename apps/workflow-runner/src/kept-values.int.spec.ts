import type { NodeState } from '#lib/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { node } from '../../../test/builders/runs.ts';
import { RunnerHarness, type RunTenant } from '../../../test/harness/runner.ts';
import { forgetKept, KeptValues, type KeptRequest } from './persistence/kept-values.ts';

let harness: RunnerHarness;

beforeAll(async () => {
  harness = await RunnerHarness.start();
});
afterEach(() => harness.clear());
afterAll(() => harness.stop());

const counting = ({ integrationId }: { integrationId: string }): NodeState[] => [
  node('count', 'StoreValueNode', { keyName: 'n', valueType: 'incr', resultPath: 'working.n' }, ['out']),
  node('out', 'MqttMessageNode', { integrationId, topicTemplate: 'out', messageTemplate: '{{working.n}}' }),
];
const names = async ({ workflowId }: RunTenant): Promise<unknown> => {
  const text = 'select name, value from runner.flow_values where flow_id = $1';
  return (await harness.sql.query<{ name: string; value: string }>(text, [workflowId])).rows;
};

describe('what a workflow keeps', () => {
  it('is counted by all its runs, each of them once, though the process is killed', async () => {
    const to = await harness.tenant(counting);
    let stuck = true;
    const sent = harness.owner(to, () => (stuck ? 'busy' : 'succeeded'));
    const child = await harness.spawn();
    for (let number = 1; number <= 20; number++) await harness.publish(to, number);
    await expect.poll(() => new Set(sent.map(({ payload }) => payload)).size).toBe(20);
    await harness.kill(child);
    stuck = false;
    sent.length = 0;
    await harness.startRunner();
    await harness.publish(to, 21);
    await expect.poll(() => harness.counts(to)).toMatchObject({ succeeded: 21, failed: 0 });
    expect(sent.map(({ payload }) => Number(payload)).sort((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
    expect(await names(to)).toEqual([{ name: JSON.stringify([to.workflowId, 'value', 'n']), value: '21' }]);
  });

  it('is bounded in count and size, changed by the holder alone, and forgotten with its workflow', async () => {
    const { workflowId: flowId } = await harness.tenant(counting);
    await harness.startRunner();
    const { rows } = await harness.sql.query<{ partition: number; token: string }>(
      'select partition, token from runner.reservations limit 1',
    );
    const partition = rows[0]?.partition ?? 0;
    const token = Number(rows[0]?.token);
    await harness.sql.query('set search_path to runner');
    const transaction = { query: async (sql: string, parameters?: unknown[]) => (await harness.sql.query(sql, parameters)).rows as never };
    const keepTrying = {
      signal: new AbortController().signal,
      onError: (error: unknown) => {
        throw error;
      },
    };
    const values = new KeptValues((work) => work(transaction), keepTrying);
    const set = (key: string, next: unknown, changes: Partial<KeptRequest> = {}): Promise<unknown> =>
      values.change({
        partition,
        token,
        position: 1,
        flowId,
        step: undefined,
        kept: { kind: 'value', key },
        change: () => ({ next, until: 1, result: next }),
        ...changes,
      });
    await expect(set('big', 'x'.repeat(70_000))).rejects.toMatchObject({
      name: 'KeptTooMuch',
      message: expect.stringMatching(/64 KB/) as string,
    });
    await Promise.all(Array.from({ length: 15 }, (_, n) => set(`large\0${n}`, 'x'.repeat(65_000))));
    await expect(Promise.all([set('one', 'x'.repeat(60_000)), set('two', 'x'.repeat(60_000))])).rejects.toThrow(/1 MB/);
    await Promise.all(Array.from({ length: 15 }, (_, n) => set(`large\0${n}`, undefined)));
    await set('one', undefined);
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => set(`k${n}`, n)));
    await expect(set('beyond', 1)).rejects.toThrow(/keeps 1000 already/);
    await set('k1', undefined);
    await set('beyond', 1);

    // Of throttles those that hold back nothing any more make room.
    const throttle = (n: number): Promise<unknown> => set('', n, { kept: { kind: 'throttle', key: `t${n}` } });
    await Promise.all(Array.from({ length: 10_100 }, (_, n) => throttle(n)));

    // Another holder's is not changed: nothing comes of it.
    let answered = false;
    void set('k2', 'stolen', { token: token - 1 }).then(() => (answered = true));
    expect(await set('k3', 'ours')).toBe('ours');
    const { rows: found } = await harness.sql.query('select value from flow_values where name = $1', [
      JSON.stringify([flowId, 'value', 'k2']),
    ]);
    expect([answered, found]).toEqual([false, [{ value: '2' }]]);

    await forgetKept(transaction, [flowId]);
    expect((await harness.sql.query('select 1 from flow_values where flow_id = $1', [flowId])).rows).toEqual([]);
  });
});
