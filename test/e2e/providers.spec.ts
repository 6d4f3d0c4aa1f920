import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionOf } from '#lib/connectors';
import { provideRelay } from '../product/relay.ts';
import { Product } from '../product/product.ts';
import type { Driver, ProviderServer } from '../providers/driver.ts';
import { drivers } from '../providers/index.ts';

/** As many as may be sent at once: a Particle connector makes 32 calls at a time and refuses more. */
const COUNT = 30;

let product: Product;
const servers = new Map<Driver, ProviderServer>();
/** MQTT has its own, with every protocol: mqtt.spec.ts. */
const others = drivers.filter(({ type }) => type !== 'mqtt');
beforeAll(async () => {
  for (const driver of others) servers.set(driver, await driver.start());
  product = await Product.start(Object.assign({}, ...[...servers.values()].map(({ settings }) => settings)) as Record<string, string>);
});
afterAll(async () => {
  await product.stop();
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

describe('in, workflow, out at a client of the provider', () => {
  for (const driver of others) {
    it(`${definitionOf(driver.type).title}: ${COUNT} messages, each once, and a ledger that closes`, { timeout: 120_000 }, async () => {
      const relay = await provideRelay(product, driver, servers.get(driver) as ProviderServer);
      const texts = Array.from({ length: COUNT }, (_, index) => `m${index}`);
      await relay.source.publish(texts);
      await expect.poll(() => relay.outlet.sent().length, { timeout: 60_000 }).toBeGreaterThanOrEqual(COUNT);
      await expect
        .poll(() => relay.ledger(), { timeout: 30_000 })
        .toMatchObject({
          received: COUNT,
          dispatched: COUNT,
          deadLettered: 0,
          inFlight: 0,
          unexplained: 0,
          runs: { triggered: COUNT, succeeded: COUNT, failed: 0, inFlight: 0 },
        });
      expect(relay.outlet.sent().toSorted()).toEqual(texts.map((text) => `got ${text}`).toSorted());
    });
  }
});
