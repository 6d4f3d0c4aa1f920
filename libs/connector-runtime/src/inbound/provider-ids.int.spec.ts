import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionContext } from '#lib/connector-sdk';
import { type IntegrationState, inboundSubject } from '#lib/contracts';
import { type Bus, BusError, type StoredAt } from '#lib/messaging';
import { type Harness, startHarness } from '../testing/harness.ts';

const count = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Hands over messages whose bodies are their ids, all at once. */
const receive = (context: ConnectionContext, ids: readonly string[]): Promise<void>[] =>
  ids.map((providerId) => context.receive({ body: Buffer.from(providerId), attributes: {}, providerId }));

type Store = () => Promise<StoredAt>;

/** A bus whose publishes of messages go through the test: `ids` of the provider, all in one publish. */
const through =
  (publish: (store: Store, ids: readonly string[], one: (index: number) => Promise<StoredAt>) => Promise<StoredAt>) =>
  (own: Bus): Bus => {
    const idOf = (messageId: string | undefined): string => messageId?.split(':').at(-1) ?? '';
    return Object.assign(Object.create(own) as Bus, {
      publishInbound: (...of: Parameters<Bus['publishInbound']>) => {
        const store = (): Promise<StoredAt> => own.publishInbound(...of);
        return of[0].type === 'message' ? publish(store, [idOf(of[1])], store) : store();
      },
      publishInboundBatch: (...of: Parameters<Bus['publishInboundBatch']>) => {
        const [batch, fence] = of;
        const one = async (index: number): Promise<StoredAt> => {
          const { event, messageId } = batch[index] ?? expect.unreachable();
          return await own.publishInbound(event, messageId, fence);
        };
        return publish(
          () => own.publishInboundBatch(...of),
          batch.map(({ messageId }) => idOf(messageId)),
          one,
        );
      },
    });
  };

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
    const batches = raw.flatMap(({ headers }) => headers['Nats-Batch-Id'] ?? []);
    expect(batches.length).toBeGreaterThan(250);
    expect(new Set(batches).size).toBeLessThan(10);
  });

  // Few at hand go one by one, many in a batch: what is promised is the same.
  describe.each([
    ['few', 0],
    ['many', 40],
  ])('%s of which are at hand', (_, more) => {
    /** The ids, with more of their kind before and behind them. */
    const amid = (...ids: string[]): string[] => [...named(1, more / 2), ...ids, ...named(more / 2 + 1, more)];

    it('are stored once when one comes twice at a time', async () => {
      const { integration, context } = await connected();
      await Promise.all(receive(context, ['a']));
      await Promise.all(receive(context, amid('b', 'c', 'b', 'a', 'd', 'c', 'e')));
      expect(await stored(integration)).toEqual(inTurn(['a', ...amid('b', 'c', 'd', 'e')]));
      await Promise.all(receive(context, ['f', 'g']));
      expect(await stored(integration)).toEqual(inTurn(['a', ...amid('b', 'c', 'd', 'e'), 'f', 'g']));
    });

    it('are stored once when the first copy is still on its way', async () => {
      let answer: () => void = () => undefined;
      const answered = new Promise<void>((resolve) => (answer = resolve));
      const { integration, context } = await connected(
        through(async (store, ids) => {
          const at = await store();
          if (ids.includes('b')) await answered;
          return at;
        }),
      );
      await Promise.all(receive(context, ['a']));
      const first = receive(context, amid('b'));
      await expect.poll(async () => (await stored(integration)).some(([body]) => body === 'b')).toBe(true);
      let acknowledged = 0;
      const second = receive(context, ['b', 'c', 'd']).map((done) => done.then(() => acknowledged++));
      expect(acknowledged).toBe(0);
      answer();
      await Promise.all([...first, ...second]);
      expect(await stored(integration)).toEqual(inTurn(['a', ...amid('b'), 'c', 'd']));
    });

    it('are stored once when the first copy could not be stored at first', async () => {
      let failures = 0;
      const { integration, context } = await connected(
        through((store, ids) => (ids.includes('c') && failures++ === 0 ? Promise.reject(unanswered()) : store())),
      );
      await Promise.all(receive(context, ['a']));
      await Promise.all([...receive(context, amid('b', 'c', 'd')), ...receive(context, ['c', 'e'])]);
      expect(await stored(integration)).toEqual(inTurn(['a', ...amid('b', 'c', 'd'), 'e']));
    });

    it('keep their numbers when the answer is lost and they were stored', async () => {
      let lost = 0;
      const { integration, context } = await connected(
        through(async (store, ids) => {
          const at = await store();
          if (ids.includes('c') && lost++ === 0) throw unanswered();
          return at;
        }),
      );
      await Promise.all(receive(context, ['a']));
      await Promise.all([...receive(context, amid('b', 'c', 'd')), ...receive(context, ['a', 'e'])]);
      await Promise.all(receive(context, ['e', 'f']));
      expect(await stored(integration)).toEqual(inTurn(['a', ...amid('b', 'c', 'd'), 'e', 'f']));
    });

    it.each([
      ['too large for the bus', Buffer.alloc(5 * 1024 * 1024), { long: 'x'.repeat(4 * 1024 * 1024) }],
      ['no event', Buffer.from('odd'), { notJson: 1n }],
    ])('leave no hole where one is %s', async (__, body, attributes) => {
      const { integration, context } = await connected();
      const first = receive(context, amid('a', 'b'));
      const odd = context.receive({ body, attributes, providerId: 'odd' });
      await Promise.all([...first, odd, ...receive(context, ['c'])]);
      expect(await stored(integration)).toEqual(inTurn([...amid('a', 'b'), 'c']));
      expect((await at.inbound(integration)).filter(({ type }) => type === 'oversize')).toHaveLength(1);
    });

    it('are known after a hand-over, and numbered on', async () => {
      const { integration, context, runtime } = await connected();
      await Promise.all(receive(context, amid('a', 'b', 'c')));
      await runtime.stop();
      const { context: next } = await started(integration);
      await Promise.all(receive(next, [...named(101, 100 + more), 'c', 'd', 'b', 'e']));
      expect(await stored(integration)).toEqual(inTurn([...amid('a', 'b', 'c'), ...named(101, 100 + more), 'd', 'e']));
    });

    it('are known after a take-over, which also refuses what its loser sends late', async () => {
      let late: Store | undefined;
      const { integration, context } = await connected(
        through(async (store, ids) => {
          if (!ids.includes('late')) return await store();
          return await new Promise((resolve, reject) => {
            late = () => {
              const outcome = store();
              outcome.then(resolve, reject);
              return outcome;
            };
          });
        }),
      );
      await Promise.all(receive(context, ['a', 'b', 'c']));
      const tooLate = receive(context, amid('late')).map((done) => done.then(() => 'stored', String));
      await expect.poll(() => late).toBeDefined();
      const { context: next } = await started(integration, { replicaId: 'r2' });
      await Promise.all(receive(next, ['c', 'd', ...amid('b', 'late')]));
      await expect(late?.()).rejects.toBeInstanceOf(BusError);
      for (const outcome of await Promise.all(tooLate)) expect(outcome).toContain('being closed');
      expect(await stored(integration)).toEqual(inTurn(['a', 'b', 'c', 'd', ...amid('late')]));
    });
  });

  it('keep their numbers when the bus died amid a batch, of which it has the beginning', async () => {
    let died = 0;
    const { integration, context } = await connected(
      through(async (store, ids, one) => {
        if (!ids.includes('m2') || died++ > 0) return await store();
        for (const index of [0, 1, 2]) await one(index);
        throw unanswered();
      }),
    );
    await Promise.all(receive(context, ['m1']));
    await Promise.all([...receive(context, named(2, 30)), ...receive(context, ['m1', 'm31'])]);
    expect(await stored(integration)).toEqual(inTurn(named(1, 31)));
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
});
