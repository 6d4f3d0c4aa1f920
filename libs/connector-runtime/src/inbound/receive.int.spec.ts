import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ApplicationState, type IntegrationState, deadLetterSubject, partitionOf } from '#lib/contracts';
import type { ConnectionContext } from '#lib/connector-sdk';
import { type Harness, startHarness } from '../testing/harness.ts';

const text = (body: Uint8Array): string => Buffer.from(body).toString();
const count = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const receive = (context: ConnectionContext, body: string | Buffer, over: object = {}): Promise<void> =>
  context.receive({ body: Buffer.from(body), attributes: { topic: 'a/b' }, ...over });

describe('the way of a message to the bus', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  const connected = async (over: Partial<IntegrationState> = {}, application: Partial<ApplicationState> = {}) => {
    const { id } = await at.application(application);
    const integration = await at.integration(id, over);
    const started = await at.start();
    await expect.poll(() => started.provider.of(integration.id).length).toBe(1);
    return { ...started, integration, context: started.provider.context(integration.id) };
  };
  const messages = async (integration: IntegrationState) => (await at.inbound(integration)).filter(({ type }) => type === 'message');

  it('stores what comes in order, with running numbers, and a connect before it', async () => {
    const { integration, context } = await connected();
    await Promise.all(count(1, 300).map((n) => receive(context, `m${n}`)));
    const [first, ...rest] = await at.inbound(integration);
    expect(first).toMatchObject({ type: 'connect', attributes: { topics: ['a/#'] } });
    expect(rest.map(({ body }) => text(body))).toEqual(count(1, 300).map((n) => `m${n}`));
    expect(rest.map(({ number }) => number)).toEqual(count(1, 300));
    expect(await at.status(integration)).toMatchObject({
      state: 'connected',
      evidence: { kind: 'suback' },
      appliedVersion: 1,
      holder: 'r1',
      service: 'connector-mqtt',
    });
  });

  it('goes on with the numbers after a hand-over, from the stream and from dispatch', async () => {
    const { integration, context, runtime } = await connected();
    await Promise.all(count(1, 3).map((n) => receive(context, `m${n}`)));
    await runtime.stop();
    expect((await at.inbound(integration)).at(-1)).toMatchObject({
      type: 'disconnect',
      attributes: { disconnectReason: 'The connector stopped' },
    });
    const second = await at.start();
    await expect.poll(() => second.provider.of(integration.id).length).toBe(1);
    await receive(second.provider.context(integration.id), 'm4');
    expect((await messages(integration)).map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    await second.runtime.stop();

    const stored = await messages(integration);
    at.committed.set(integration.id, 4);
    await at.bus.purge('INBOUND', `inbound.*.${integration.applicationId}.>`, stored.at(-1)?.position ?? 0);
    const third = await at.start();
    await expect.poll(() => third.provider.of(integration.id).length).toBe(1);
    await receive(third.provider.context(integration.id), 'm5');
    expect((await messages(integration)).map(({ number }) => number)).toEqual([5]);
  });

  it('holds the source back while the bus is down, then stores everything once, in order', async () => {
    const { integration, context, runtime } = await connected();
    const flow: boolean[] = [];
    context.onFlow((held) => flow.push(held));
    await receive(context, 'm1');
    await at.nats.kill();
    const waiting = count(2, 260).map((n) => receive(context, `m${n}`));
    expect(context.held).toBe(true);
    await expect.poll(() => runtime.ready().ok).toBe(false);
    await at.nats.start();
    await Promise.all(waiting);
    expect(context.held).toBe(false);
    expect(flow).toEqual([true, false]);
    await expect.poll(() => at.bus.connected).toBe(true);
    const stored = await messages(integration);
    expect(stored.map(({ number }) => number)).toEqual(count(1, 260));
    expect(stored.map(({ body }) => text(body))).toEqual(count(1, 260).map((n) => `m${n}`));
  });

  it('throttles receiving and loses nothing', async () => {
    const { integration, context } = await connected({}, { limits: { messagesPerSecond: 400, burst: 10, payloads: 0, period: 'month' } });
    await receive(context, 'm1');
    const all = Promise.all(count(2, 300).map((n) => receive(context, `m${n}`)));
    expect(context.held).toBe(true);
    await all;
    expect((await messages(integration)).map(({ number }) => number)).toEqual(count(1, 300));
  });

  it('acknowledges a message beyond 8 MB, keeps its dead letter, and leaves no hole', async () => {
    const { integration, context } = await connected();
    await Promise.all([receive(context, 'm1'), receive(context, Buffer.alloc(9 * 1024 * 1024, 1)), receive(context, 'm2')]);
    const stored = await at.inbound(integration);
    expect(stored.map(({ type, number }) => [type, number])).toEqual([
      ['connect', undefined],
      ['message', 1],
      ['oversize', undefined],
      ['message', 2],
    ]);
    expect(stored[2]?.attributes).toMatchObject({ size: 9 * 1024 * 1024 });
    const [letter] = await at.bus.list('DEAD_LETTERS', deadLetterSubject(integration.applicationId, integration.id));
    expect(JSON.parse(text(letter?.body ?? Buffer.alloc(0)))).toMatchObject({ reason: 'oversize', size: 9 * 1024 * 1024, truncated: true });
  });

  it('acknowledges a message that only its beginning came of, and leaves a dead letter of the whole', async () => {
    const { integration, context } = await connected();
    const cut = { bytes: 100_000_000, sha256: 'ab'.repeat(32) };
    await Promise.all([receive(context, 'm1'), receive(context, Buffer.alloc(100_000, 1), { cut }), receive(context, 'm2')]);
    const stored = await at.inbound(integration);
    expect(stored.flatMap(({ type, number }) => (type === 'message' ? [number] : []))).toEqual([1, 2]);
    expect(stored.find(({ type }) => type === 'oversize')?.attributes).toMatchObject({ size: cut.bytes });
    const [letter] = await at.bus.list('DEAD_LETTERS', deadLetterSubject(integration.applicationId, integration.id));
    expect(JSON.parse(text(letter?.body ?? Buffer.alloc(0)))).toMatchObject({ size: cut.bytes, sha256: cut.sha256, truncated: true });
  });

  it('drops what cannot be held of a source that keeps nothing, and records the gap', async () => {
    const { integration, context } = await connected();
    await receive(context, 'm0', { droppable: true });
    const flood = Promise.all(count(1, 400).map((n) => receive(context, `m${n}`, { droppable: true })));
    expect(context.held).toBe(true);
    await flood;
    const stored = await at.inbound(integration);
    expect(stored.filter(({ type }) => type === 'message').map(({ number }) => number)).toEqual(count(1, 257));
    await expect.poll(async () => (await at.inbound(integration)).filter(({ type }) => type === 'gap').length).toBe(1);
  });

  it('emits the disconnect and the gap of a holder that died', async () => {
    const { id } = await at.application();
    const integration = await at.integration(id, { config: { protocol: 'mqtt', host: 'broker.example', port: 1883, clean: true } });
    const since = Date.now() - 60_000;
    const dead = { state: 'connected', since, appliedVersion: 1, connectInfo: { ts: since }, holder: 'gone', service: 'connector-mqtt' };
    await at.bus.kv('STATUS').put(`${id}.${integration.id}`, Buffer.from(JSON.stringify(dead)));
    await at.start();
    await expect.poll(async () => (await at.inbound(integration)).map(({ type }) => type)).toEqual(['disconnect', 'gap', 'connect']);
    const [disconnect, gap] = await at.inbound(integration);
    expect(disconnect?.time).toBe(gap?.attributes['from']);
    expect(await at.status(integration)).toMatchObject({ state: 'connected', holder: 'r1' });
  });

  it('stops at once, acknowledging nothing, when another holder has written its fence', async () => {
    const { integration, context, provider } = await connected();
    await receive(context, 'm1');
    await at.bus.writeFence('INBOUND', 'connector-mqtt', partitionOf(integration.id), Number.MAX_SAFE_INTEGER);
    await expect(receive(context, 'm2')).rejects.toThrow('closed');
    await expect.poll(() => provider.of(integration.id)).toEqual([]);
    expect((await messages(integration)).length).toBe(1);
  });
});
