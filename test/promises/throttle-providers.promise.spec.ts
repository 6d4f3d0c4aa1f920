import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionOf } from '#lib/connectors';
import { Product } from '../product/product.ts';
import { provideRelay } from '../product/relay.ts';
import type { Driver, ProviderServer } from '../providers/driver.ts';
import { drivers } from '../providers/index.ts';
import { LONG, recordFigure } from './figures.ts';

const SECONDS = LONG ? 60 : 5;
const OFFERED = LONG ? 3_000 : 400;
const PLAN = { messagesPerSecond: 20, burst: 20 };

/** Sources whose own queue holds what we don't take; with the drivers' persistent session MQTT is one too. */
const holding = drivers.filter(({ type }) => type !== 'particle' && type !== 'websocket');
const present = holding.filter(({ type }) => type !== 'mqtt' || process.env['SLUICE_NO_MOSQUITTO'] !== '1');
const servers = new Map<Driver, ProviderServer>();
let product: Product;
beforeAll(async () => {
  for (const driver of present) servers.set(driver, await driver.start());
  product = await Product.start(Object.assign({}, ...[...servers.values()].map(({ settings }) => settings)) as Record<string, string>);
});
afterAll(async () => {
  await product.stop();
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

describe.each(present)('promise 14: the throttle before $type', (driver) => {
  const { title } = definitionOf(driver.type);

  it('lets no more through than it allows, is no alarm, and loses nothing', { timeout: 300_000 }, async () => {
    const relay = await provideRelay(product, driver, servers.get(driver) as ProviderServer, PLAN);
    const texts = Array.from({ length: OFFERED }, (_, index) => `m${index}`);
    const begun = performance.now();
    const offered = relay.source.publish(texts);
    const seen: { readonly received: number; readonly allowed: number; readonly state: string }[] = [];
    const watched = async (): Promise<boolean> => {
      const { status } = await product.call<{ status: { state: string } }>('GET', relay.path);
      const { received } = await relay.ledger();
      // Counts lag behind what was let through, and the clock is read after them: load can't make a throttle that holds look like one that doesn't.
      const seconds = (performance.now() - begun) / 1_000;
      seen.push({ received, allowed: PLAN.burst + PLAN.messagesPerSecond * seconds, state: status.state });
      return seconds >= SECONDS;
    };
    await expect.poll(watched, { timeout: (SECONDS + 60) * 1_000, interval: 100 }).toBe(true);
    await offered;
    const over = seen.filter(({ received, allowed }) => received > allowed);
    const { received = 0, allowed = 0 } = seen.at(-1) ?? {};
    expect(over).toEqual([]);
    expect(seen.filter(({ state }) => state !== 'connected')).toEqual([]);
    expect(received).toBeGreaterThan(PLAN.burst);
    expect(received).toBeLessThan(OFFERED);

    // Lifting the throttle lets the rest through: nothing was lost while it was held.
    await product.call('PATCH', relay.application, { limits: { messagesPerSecond: 0, burst: 0 } });
    const answered = (): number => new Set(relay.outlet.sent()).size;
    await expect.poll(answered, { timeout: 120_000, interval: 100 }).toBe(OFFERED);
    await expect.poll(() => relay.ledger(), { timeout: 30_000 }).toMatchObject({ inFlight: 0, unexplained: 0 });
    recordFigure({
      promise: 14,
      what: `${title}: ${OFFERED} messages offered at once to a throttle of ${PLAN.messagesPerSecond}/s, burst ${PLAN.burst}; then it is lifted`,
      figure: `${received} let through where ${Math.floor(allowed)} were allowed, 0 false alarms, ${OFFERED - answered()} lost`,
      holds: over.length === 0 && answered() === OFFERED,
    });
  });
});
