import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, startHarness } from './testing/harness.ts';

describe('the way of a message to the bus', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterAll(() => at.stop());

  it('stores what comes in order, with running numbers, and a connect before it', async () => {
    const application = await at.application();
    const integration = await at.integration(application.id);
    const { provider, runtime } = await at.start();
    await expect.poll(() => provider.of(integration.id).length).toBe(1);
    const context = provider.context(integration.id);
    await Promise.all(
      Array.from({ length: 300 }, (_, index) => context.receive({ body: Buffer.from(`m${index}`), attributes: { topic: 'a/b' } })),
    );
    const stored = await at.inbound(integration);
    expect(stored[0]).toMatchObject({ type: 'connect', attributes: { topics: ['a/#'] } });
    const messages = stored.slice(1);
    expect(messages.map(({ body }) => Buffer.from(body).toString())).toEqual(Array.from({ length: 300 }, (_, index) => `m${index}`));
    expect(messages.map(({ number }) => number)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(await at.status(integration)).toMatchObject({ state: 'connected', appliedVersion: 1, holder: 'r1', service: 'connector-mqtt' });
    await runtime.stop();
  });
});
