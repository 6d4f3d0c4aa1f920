import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inboundSubject } from '#lib/contracts';
import { type Harness, startHarness } from '../testing/harness.ts';

describe('a bus that is full', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness({ streamBytes: 2 * 1024 * 1024 });
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  it.each([
    ['no ids', () => ({})],
    ['ids', (index: number) => ({ providerId: `${index}` })],
  ])('holds a source with %s back, says so, and takes everything in order once there is room', async (_, named) => {
    const { id } = await at.application();
    const integration = await at.integration(id);
    const { provider, runtime } = await at.start();
    await expect.poll(() => provider.of(integration.id).length).toBe(1);
    const context = provider.context(integration.id);
    const body = Buffer.alloc(20_000, 'x');
    let stored = 0;
    const all = Array.from({ length: 256 }, (__, index) =>
      context.receive({ body, attributes: { topic: 'a' }, ...named(index) }).then(() => stored++),
    );
    expect(context.held).toBe(true);
    await expect.poll(() => runtime.ready()).toEqual({ ok: false, reason: 'the bus is full: messages are held at their sources' });
    expect(stored).toBeLessThan(256);

    const numbers: number[] = [];
    const dispatch = async (): Promise<number> => {
      const messages = await at.inbound(integration);
      numbers.push(...messages.flatMap(({ number }) => number ?? []));
      const last = messages.at(-1);
      if (last !== undefined) await at.bus.purge('INBOUND', inboundSubject(id, integration.id), last.position);
      return stored;
    };
    await expect.poll(dispatch, { timeout: 15_000 }).toBe(256);
    await Promise.all(all);
    await dispatch();
    expect(numbers).toEqual(Array.from({ length: 256 }, (_, index) => index + 1));
    expect(context.held).toBe(false);
  });
});
