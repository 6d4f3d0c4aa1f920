import { expect, it } from 'vitest';
import { ran } from '../../../../test/builders/ran.ts';
import { node, triggered, workflow, WORKFLOW } from '../../../../test/builders/runs.ts';

const shown = [node('show', 'DebugNode', { property: '.' })];

it('a timer starts with the time it was due, and nothing else', async () => {
  const triggers = [{ type: 'timer', key: 'tick', config: { seconds: 60 }, outputIds: [['show']] }];
  const event = triggered(
    { triggerType: 'timer', triggerKey: 'tick', body: Buffer.alloc(0) },
    { type: 'timer', sourceId: WORKFLOW, sourceType: 'timer', attributes: { key: 'tick', at: 1_770_000_000_000 } },
  );
  const { debug } = await ran(workflow(shown, { triggers }), { event });
  const payload = debug[0]?.payload;
  expect(payload).toMatchObject({ data: {}, triggerType: 'timer', triggerId: 'tick', time: new Date('2026-02-03T04:05:06.007Z') });
  expect(payload).not.toHaveProperty('relayId');
});
