import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionContext } from '#lib/connector-sdk';
import { type IntegrationState, inboundSubject } from '#lib/contracts';
import { type Bus, BusError } from '#lib/messaging';
import { type Harness, startHarness } from './testing/harness.ts';

const count = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Hands over messages whose bodies are their ids, all at once. */
const receive = (context: ConnectionContext, ids: readonly string[]): Promise<void>[] =>
  ids.map((providerId) => context.receive({ body: Buffer.from(providerId), attributes: {}, providerId }));

/** A bus with one method of its own. */
const withBatches =
  (publishInboundBatch: (own: Bus, ...of: Parameters<Bus['publishInboundBatch']>) => ReturnType<Bus['publishInboundBatch']>) =>
  (own: Bus): Bus =>
    Object.assign(Object.create(own) as Bus, {
      publishInboundBatch: (...of: Parameters<Bus['publishInboundBatch']>) => publishInboundBatch(own, ...of),
    });

const unanswered = (): BusError => new BusError('unavailable', 'the test keeps the answer');

describe('messages that have an id of their provider', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  const started = async (integration: IntegrationState, options: Parameters<Harness['start']>[0] = {}) => {
    const { provider, runtime } = await at.start(options);
    await expect.poll(() => provider.of(integration.id).length).toBe(1);
    return { context: provider.context(integration.id), runtime, provider };
  };
  const connected = async (bus?: (own: Bus) => Bus) => {
    const { id } = await at.application();
    const integration = await at.integration(id);
    return { integration, ...(await started(integration, bus === undefined ? {} : { bus })) };
  };
  /** Body and number of each, as stored. */
  const stored = async (integration: IntegrationState): Promise<[string, number | undefined][]> =>
    (await at.inbound(integration))
      .filter(({ type }) => type === 'message')
      .map(({ body, number }) => [Buffer.from(body).toString(), number]);
  const inTurn = (ids: readonly string[], from = 1): [string, number][] => ids.map((id, index) => [id, from + index]);
  const named = (from: number, to: number): string[] => count(from, to).map((n) => `m${n}`);

  it('are stored many at a time, in their order, with running numbers', async () => {
    const { integration, context } = await connected();
    await Promise.all(receive(context, named(1, 300)));
    expect(await stored(integration)).toEqual(inTurn(named(1, 300)));
    const raw = await at.bus.list('INBOUND', inboundSubject(integration.applicationId, integration.id), { max: 1_000 });
    const batches = new Set(raw.map(({ headers }) => headers['Nats-Batch-Id']));
    expect(batches.size).toBeLessThan(10);
  });

  it('are stored once when a batch holds one twice', async () => {
    const { integration, context } = await connected();
    await Promise.all(receive(context, ['a']));
    await Promise.all(receive(context, ['b', 'c', 'b', 'a', 'd', 'c', 'e']));
    expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c', 'd', 'e']));
    await Promise.all(receive(context, ['f', 'g']));
    expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c', 'd', 'e', 'f', 'g']));
  });

  it('are stored once when the first copy is still on its way', async () => {
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const { integration, context } = await connected(
      withBatches(async (own, ...of) => {
        const at = await own.publishInboundBatch(...of);
        await answered;
        return at;
      }),
    );
    await Promise.all(receive(context, ['a']));
    const first = receive(context, ['b', 'c']);
    await expect.poll(() => stored(integration)).toHaveLength(3);
    let acknowledged = 0;
    const second = receive(context, ['c', 'd', 'b']).map((done) => done.then(() => acknowledged++));
    await expect.poll(() => context.held).toBe(false);
    expect(acknowledged).toBe(0);
    answer();
    await Promise.all([...first, ...second]);
    expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c', 'd']));
  });

  it('are stored once when the first copy could not be stored at first', async () => {
    let failures = 0;
    const { integration, context } = await connected(
      withBatches((own, ...of) => (failures++ === 0 ? Promise.reject(unanswered()) : own.publishInboundBatch(...of))),
    );
    await Promise.all(receive(context, ['a']));
    await Promise.all([...receive(context, ['b', 'c', 'd']), ...receive(context, ['c', 'e'])]);
    expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c', 'd', 'e']));
  });

  it.each([
    ['whole', (own: Bus, ...of: Parameters<Bus['publishInboundBatch']>) => own.publishInboundBatch(...of)],
    [
      'in part, as by a bus that died meanwhile',
      async (own: Bus, [first, second]: Parameters<Bus['publishInboundBatch']>[0], fence: Parameters<Bus['publishInboundBatch']>[1]) => {
        for (const one of [first, second]) if (one !== undefined) await own.publishInbound(one.event, one.messageId, fence);
      },
    ],
  ])('keep their numbers when the answer is lost and they were stored %s', async (_, store) => {
    let lost = 0;
    const { integration, context } = await connected(
      withBatches(async (own, ...of) => {
        if (lost++ > 0) return await own.publishInboundBatch(...of);
        await store(own, ...of);
        throw unanswered();
      }),
    );
    await Promise.all(receive(context, named(1, 1)));
    await Promise.all([...receive(context, named(2, 8)), ...receive(context, ['m1', 'm9'])]);
    await Promise.all(receive(context, named(9, 12)));
    expect(await stored(integration)).toEqual(inTurn(named(1, 12)));
  });

  it('keep their numbers over a restart of the bus', async () => {
    const { integration, context } = await connected();
    await Promise.all(receive(context, ['a']));
    const going = receive(context, named(1, 60));
    await at.nats.restart();
    await Promise.all([...going, ...receive(context, ['a', 'z'])]);
    await expect.poll(() => at.bus.connected).toBe(true);
    expect((await stored(integration)).map(([, number]) => number)).toEqual(count(1, 62));
  });

  it.each([
    ['too large for the bus', Buffer.alloc(5 * 1024 * 1024), { long: 'x'.repeat(4 * 1024 * 1024) }],
    ['no event', Buffer.from('odd'), { notJson: 1n }],
  ])('leave no hole where one of a batch is %s', async (_, body, attributes) => {
    const { integration, context } = await connected();
    const first = receive(context, ['a', 'b']);
    const odd = context.receive({ body, attributes, providerId: 'odd' });
    await Promise.all([...first, odd, ...receive(context, ['c'])]);
    expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c']));
    expect((await at.inbound(integration)).filter(({ type }) => type === 'oversize')).toHaveLength(1);
  });

  it('are known after a hand-over, and numbered on', async () => {
    const { integration, context, runtime } = await connected();
    await Promise.all(receive(context, ['a', 'b', 'c', 'd']));
    await runtime.stop();
    const { context: next } = await started(integration);
    await Promise.all(receive(next, ['d', 'e', 'c', 'f']));
    expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c', 'd', 'e', 'f']));
  });

  it('are known after a take-over, whose batch meets one that came too late', async () => {
    let late: (() => Promise<unknown>) | undefined;
    const { integration, context } = await connected(
      withBatches(async (own, ...of) => {
        const [batch] = of;
        if (!batch.some(({ messageId }) => messageId.endsWith('late'))) return await own.publishInboundBatch(...of);
        return await new Promise((resolve, reject) => {
          late = async () => {
            const outcome = own.publishInboundBatch(...of);
            outcome.then(resolve, reject);
            await outcome.catch(() => undefined);
          };
        });
      }),
    );
    await Promise.all(receive(context, ['a', 'b', 'c']));
    const tooLate = receive(context, ['late', 'later']).map((done) => done.then(() => 'stored', String));
    await expect.poll(() => late).toBeDefined();
    const { context: next } = await started(integration, { replicaId: 'r2' });
    await Promise.all(receive(next, ['c', 'd', 'b', 'late']));
    await late?.();
    expect(await Promise.all(tooLate)).toEqual([expect.stringContaining('being closed'), expect.stringContaining('being closed')]);
    expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c', 'd', 'late']));
    await Promise.all(receive(next, ['later', 'e']));
    expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c', 'd', 'late', 'later', 'e']));
  });
});
