import { afterEach, describe, expect, it, vi } from 'vitest';
import { definitionOf } from '#lib/connectors';
import type { IntegrationState } from '#lib/contracts';
import type { Configured } from '../../../../test/providers/driver.ts';
import { drivers } from '../../../../test/providers/index.ts';
import { anId, startHarness } from '../testing/harness.ts';

describe.each(drivers)('a secret of $type that is rotated while messages come', (driver) => {
  const stops: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
    vi.unstubAllEnvs();
  });

  /** An integration that is connected, by a service credential where its type takes one, and a server that sends without a pause. */
  const flowing = async () => {
    const server = await driver.start();
    stops.push(() => server.stop());
    for (const [name, value] of Object.entries(server.settings)) vi.stubEnv(name, value);
    const at = await startHarness({ type: driver.type });
    stops.push(() => at.stop());
    const { id: applicationId } = await at.application();
    const seal = await at.sealing(applicationId);
    const source = await server.source('orders');
    const [integrationId, credentialId] = [anId(), anId()];
    let version = 0;
    const rotate = async ({ topics, config, secrets }: Configured): Promise<void> => {
      version++;
      const isSecret = (value: unknown): value is string => typeof value === 'string' && secrets.some((secret) => value.includes(secret));
      const sealed = (fields: Configured['config'], holder: string): Record<string, unknown> =>
        Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, isSecret(value) ? seal(value, holder, name) : value]));
      const integration = { id: integrationId, topics: [...topics] };
      const named = driver.named?.(config);
      if (named === undefined) await at.integration(applicationId, { ...integration, config: sealed(config, integrationId) }, version);
      else {
        const credential = { id: credentialId, type: named.type, config: sealed(named.fields, credentialId) };
        const { name } = await at.credential(applicationId, credential, version);
        if (version === 1) await at.integration(applicationId, { ...integration, config: { ...named.config }, credentialName: name });
      }
    };
    await rotate(source);
    const integration = { id: integrationId, applicationId } as IntegrationState;
    await at.startReal();
    await expect.poll(async () => (await at.status(integration))?.state).toBe('connected');
    let sent = 0;
    let going = true;
    const pump = (async () => {
      while (going) {
        await source.publish([`m${++sent}`]);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    const bodies = async (): Promise<string[]> =>
      (await at.inbound(integration)).flatMap(({ type: kind, body }) => (kind === 'message' ? Buffer.from(body).toString() : []));
    const arrives = async (body: string): Promise<void> => await expect.poll(bodies).toContain(body);
    return {
      source,
      rotate,
      bodies,
      status: async () => (await at.status(integration)) ?? expect.fail('there is no status'),
      types: async () => [...new Set((await at.inbound(integration)).map(({ type: kind }) => kind))].sort(),
      /** Some more have come. */
      more: async () => await arrives(`m${sent + 20}`),
      /** No more is sent; all of it came. Resolves with what was sent. */
      end: async (): Promise<string[]> => {
        going = false;
        await pump;
        const all = Array.from({ length: sent }, (_, index) => `m${index + 1}`);
        const missing = async (): Promise<string[]> => {
          const arrived = new Set(await bodies());
          const missed = all.filter((body) => !arrived.has(body));
          // What a link got that was closing already comes again and again, until one takes it.
          if (missed.length > 0) await source.redeliver?.();
          return missed;
        };
        await expect.poll(missing, { interval: 500, timeout: 60_000, message: `what is missing of ${driver.type}` }).toEqual([]);
        return all;
      },
    };
  };

  it('loses none and takes none twice', { timeout: 120_000 }, async () => {
    const { source, rotate, status, more, end, bodies, types } = await flowing();
    await more();
    const since = (await status()).evidence?.at ?? 0;
    await rotate(source.rotated);
    await expect.poll(async () => (await status()).evidence?.at, { message: 'a new connection' }).toBeGreaterThan(since);
    await more();
    const sent = await end();
    expect((await bodies()).toSorted()).toEqual(sent.toSorted());
    // One that admits one connection only was tried beside, then the old one had to end before the new one was made.
    const { trial } = await definitionOf(driver.type).load();
    expect(await types()).toEqual(trial === undefined ? ['connect', 'message'] : ['connect', 'disconnect', 'message']);
  });

  it('keeps the old connection where the new secret is refused, and says so', { timeout: 120_000 }, async () => {
    const { source, rotate, status, more, end, bodies, types } = await flowing();
    await more();
    await rotate(source.refused());
    await expect
      .poll(async () => (await status()).reason)
      .toMatch(/^The new credential was refused: .* The connection made with version 1 /);
    expect((await status()).state).toBe('connected');
    await more();
    const sent = await end();
    expect((await bodies()).toSorted()).toEqual(sent.toSorted());
    expect(await types()).toEqual(['connect', 'message']);
  });
});
