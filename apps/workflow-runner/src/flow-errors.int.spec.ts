import { once } from 'node:events';
import { DeadLetter, inboundSubject, type InboundEvent, type TriggerState } from '#lib/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { node, trigger } from '../../../test/builders/runs.ts';
import { RunnerHarness, type RunTenant } from '../../../test/harness/runner.ts';
import { buryFlowError } from './dead-letters.ts';
import { eventOf, tellFlowError, type FlowErrorOptions } from './flow-errors.ts';

let harness: RunnerHarness;

beforeAll(async () => {
  harness = await RunnerHarness.start();
});
afterEach(() => harness.clear());
afterAll(() => harness.stop());

const failing = [node('throw', 'ThrowErrorNode', { messageTemplate: 'no {{data.message}}' })];
const listener: TriggerState = { type: 'flowError', key: 'errors', config: { scope: 'local' }, outputIds: [['throw']] };
const tenant = (...more: TriggerState[]): Promise<RunTenant> =>
  harness.tenant(
    () => failing,
    ({ integrationId }) => ({ triggers: [trigger(['throw'], { key: integrationId }), ...more] }),
  );

/** What was told of the tenant's runs, as stored. */
async function told({ applicationId, workflowId }: RunTenant): Promise<InboundEvent[]> {
  return (await harness.bus.list('INBOUND', inboundSubject(applicationId, workflowId))).map((message) =>
    harness.bus.decodeInbound(message),
  );
}

describe('the error of a failed run', () => {
  it('is told to whoever hears of it, whole, and once', async () => {
    const to = await tenant(listener);
    await harness.startRunner();
    await harness.publish(to, 1);
    await harness.publish(to, 2);
    await expect.poll(() => harness.counts(to)).toMatchObject({ failed: 2 });
    const events = await told(to);
    expect(events.map(({ id }) => id)).toEqual([`${to.workflowId}-1:flowError`, `${to.workflowId}-2:flowError`]);
    expect(events[0]).toMatchObject({
      type: 'flowError',
      sourceId: to.workflowId,
      attributes: {
        key: `${to.workflowId}-flowError`,
        flowClass: 'cloud',
        relayId: to.workflowId,
        relayType: 'flow',
        errorInfo: { error: { name: 'ThrowError', message: 'no 1' }, nodeId: 'throw', nodeType: 'ThrowErrorNode' },
        erroredPayload: { data: { message: '1' }, triggerType: 'integration', flowId: to.workflowId },
      },
    });
  });

  it('leaves out a payload that is too large', async () => {
    const to = await tenant(listener);
    await harness.startRunner();
    await harness.publish(to, 1, { body: Buffer.alloc(300_000, 'x') });
    await expect.poll(async () => (await told(to))[0]?.attributes['erroredPayload']).toBe('Payload data omitted due to size');
  });

  it('is not told where nobody hears of it, nor when an error had started the run', async () => {
    const [deaf, to] = [await tenant(), await tenant(listener)];
    await harness.startRunner();
    await harness.publish(deaf, 1);
    const attributes = { flowClass: 'cloud', errorInfo: {}, erroredPayload: {} };
    const { applicationId, workflowId } = to;
    await harness.publish(to, 1, {
      triggerType: 'flowError',
      triggerKey: `${workflowId}-flowError`,
      inbound: {
        type: 'flowError',
        id: 'e1',
        applicationId,
        sourceId: workflowId,
        sourceType: 'flowError',
        time: '2026-02-03T04:05:06.007Z',
        configSequence: 0,
        attributes,
      },
    });
    await harness.publish(to, 2);
    await expect.poll(async () => (await told(to)).map(({ id }) => id)).toEqual([`${workflowId}-2:flowError`]);
    await expect.poll(() => harness.counts(deaf)).toMatchObject({ failed: 1 });
    expect(await told(deaf)).toEqual([]);
  });

  it('is told once though its process dies right after', async () => {
    const to = await tenant(listener);
    const child = await harness.spawn('runner.afterFlowError:1');
    const gone = once(child, 'exit');
    await harness.publish(to, 1);
    await gone;
    expect(child.signalCode).toBe('SIGKILL');
    await harness.startRunner();
    await expect.poll(() => harness.counts(to)).toMatchObject({ failed: 1 });
    expect(await told(to)).toHaveLength(1);
    await expect.poll(() => harness.attemptsOf(to)).toEqual([[`${to.workflowId}-1`, 2, 'failed']]);
  });

  it.each([
    ['whole', 'x', { data: 'x' }],
    ['without a payload that a letter does not hold', 'x'.repeat(100_000), 'Payload data omitted due to size'],
  ])('that could not be told is a dead letter that can be replayed, %s', async (_, data, erroredPayload) => {
    const to = await tenant(listener);
    const { applicationId, workflowId } = to;
    await harness.publish(to, 1);
    const [stored] = await harness.bus.list('TRIGGERED', `triggered.*.${applicationId}.${workflowId}`);
    if (stored === undefined) throw new Error('the run is not stored');
    const error = { name: 'E', message: 'm', nodeId: 'n', nodeType: 't' };
    const result = { status: 'failed', error, startedAt: 0, endedAt: 0, payload: { data } } as const;
    const event = eventOf({ event: harness.bus.decodeTriggered(stored), flowClass: 'cloud', result, attempt: 1 }, 0);
    const keepTrying = { signal: new AbortController().signal, onError: () => undefined };
    expect(await buryFlowError(harness.bus, event, keepTrying)).toBe(true);
    const [letter] = await harness.bus.list('DEAD_LETTERS', `deadletter.${applicationId}.>`);
    const { reason, truncated, replay, body } = DeadLetter.parse(JSON.parse(Buffer.from(letter?.body ?? []).toString()));
    expect({ reason, truncated }).toEqual({ reason: 'flowError', truncated: false });
    const { subject = '', headers = {} } = replay ?? {};
    const again = harness.bus.decodeInbound({ position: 0, subject, headers, body: Buffer.from(body, 'base64'), time: '' });
    expect(again).toMatchObject({ ...event, body: Buffer.alloc(0), attributes: { ...event.attributes, erroredPayload } });
  });

  it('is looked for by a later attempt, where it was stored and in what was made of it', async () => {
    const to = await tenant(listener);
    const { applicationId, workflowId } = to;
    await harness.publish(to, 1);
    const [stored] = await harness.bus.list('TRIGGERED', `triggered.*.${applicationId}.${workflowId}`);
    if (stored === undefined) throw new Error('the run is not stored');
    const event = harness.bus.decodeTriggered(stored);
    let published = 0;
    const { bus } = harness;
    const counted: FlowErrorOptions['bus'] = {
      list: (...of) => bus.list(...of),
      decodeInbound: (message) => bus.decodeInbound(message),
      decodeTriggered: (message) => bus.decodeTriggered(message),
      publishInbound: (...given) => {
        published++;
        return bus.publishInbound(...given);
      },
    };
    const fence = await harness.bus.writeFence('INBOUND', 'test', 0, 1);
    const tell = (attempt: number) =>
      tellFlowError(
        { bus: counted, configSequence: () => 0, signal: new AbortController().signal, onError: () => undefined },
        { event, flowClass: 'cloud', result: { status: 'failed', startedAt: 0, endedAt: 0 }, attempt },
        fence,
      );
    expect([await tell(2), published]).toEqual(['told', 1]);
    expect([await tell(2), published]).toEqual(['told', 1]);
    const [told1] = await told(to);
    if (told1 === undefined) throw new Error('nothing was told');
    const { body, ...inbound } = told1;
    await harness.publish(to, 2, { triggerType: 'flowError', triggerKey: `${workflowId}-flowError`, inbound, body });
    await harness.bus.purge('INBOUND', inboundSubject(applicationId, workflowId), Number.MAX_SAFE_INTEGER);
    expect([await tell(2), published]).toEqual(['told', 1]);
    // A later holder's fence ends it.
    await harness.bus.writeFence('INBOUND', 'test', 0, 2);
    expect(await tell(1)).toBe('void');
  });
});
