import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionOf } from '#lib/connectors';
import { type IntegrationType, configFieldOf } from '#lib/contracts';
import type { LedgerAnswer } from '../product/echo.ts';
import { Product } from '../product/product.ts';
import type { Driver, ProviderServer } from '../providers/driver.ts';
import { drivers } from '../providers/index.ts';
import { LONG, recordFigure } from './figures.ts';

const DROPS = LONG ? 100 : 5;
/** A silent link is asked for a sign of life after this, ms. */
const HEARTBEAT_MS = 8_000;
const TOLERANCE_MS = 1_000;

interface Gap {
  readonly from: string;
  readonly to: string;
}
interface Case {
  readonly driver: Driver;
  readonly title: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

const REDELIVERING: ReadonlySet<IntegrationType> = new Set(['sqs', 'azureEventHub', 'googlePubSub', 'mqtt']);
const present = drivers.filter(({ type }) => type !== 'mqtt' || process.env['SLUICE_NO_MOSQUITTO'] !== '1');
const cases = (delivers: (driver: Driver) => boolean): Case[] =>
  present.filter(delivers).map((driver) => ({ driver, title: definitionOf(driver.type).title }));
const atLeastOnce = cases(({ type }) => REDELIVERING.has(type));
const atMostOnce: readonly Case[] = [
  ...cases(({ type }) => !REDELIVERING.has(type)),
  ...cases(({ type }) => type === 'mqtt').map((one) => ({ ...one, title: 'MQTT, clean session', more: { clean: true } })),
];

const servers = new Map<Driver, ProviderServer>();
let product: Product;
let base: string;
let names = 0;
beforeAll(async () => {
  for (const driver of present) servers.set(driver, await driver.start());
  product = await Product.start(Object.assign({}, ...[...servers.values()].map(({ settings }) => settings)) as Record<string, string>);
  const { id } = await product.call<{ id: string }>('POST', '/applications', { name: 'Gaps', limits: { messagesPerSecond: 0, burst: 0 } });
  base = `/applications/${id}/integrations`;
});
afterAll(async () => {
  await product.stop();
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

/** An integration, connected. */
async function connected({ driver, more }: Case) {
  const server = servers.get(driver) as ProviderServer;
  const source = await server.source(`gaps-${++names}`);
  const { id, delivery } = await product.call<{ id: string; delivery: string }>('POST', base, {
    name: 'Gaps',
    integrationType: driver.type,
    topics: source.topics,
    [configFieldOf(driver.type)]: { ...source.config, ...more },
  });
  const path = `${base}/${id}`;
  const state = async (): Promise<string> => (await product.call<{ status: { state: string } }>('GET', path)).status.state;
  await expect.poll(state, { timeout: 30_000 }).toBe('connected');
  return {
    server,
    source,
    delivery,
    ledger: () => product.call<LedgerAnswer>('GET', `${path}/ledger`),
    /** Doesn't wait for the back-off. */
    retry: () => product.api('POST', `${path}/retry`),
  };
}

describe('promise 3', () => {
  it.each(atMostOnce)('$title: each dropped link is a gap in the ledger that holds the drop', { timeout: 300_000 }, async (one) => {
    const { server, source, delivery, ledger, retry } = await connected(one);
    expect(delivery).toBe('at-most-once');
    let earliest = 0;
    let latest = 0;
    for (let drop = 1; drop <= DROPS; drop++) {
      const droppedAt = Date.now();
      server.proxy.drop();
      await expect.poll(async () => (await retry(), (await ledger()).beside.gaps.length), { timeout: 60_000, interval: 50 }).toBe(drop);
      const { from, to } = (await ledger()).beside.gaps[drop - 1] as Gap;
      expect(Date.parse(to)).toBeGreaterThanOrEqual(droppedAt);
      expect(Date.parse(to)).toBeLessThanOrEqual(Date.now());
      earliest = Math.max(earliest, droppedAt - Date.parse(from));
      latest = Math.max(latest, Date.parse(from) - droppedAt);
      // What comes behind the gap is received again.
      await source.publish([`after ${drop}`]);
      await expect.poll(async () => (await ledger()).received, { timeout: 30_000, interval: 50 }).toBe(drop);
    }
    const { unexplained, beside } = await ledger();
    recordFigure({
      promise: 3,
      what: `${one.title} (${delivery}): ${DROPS} dropped links`,
      figure: `${beside.gaps.length} gap records, each around its drop, beginning at most ${(earliest / 1_000).toFixed(1)} s before it`,
      holds: beside.gaps.length === DROPS && earliest <= HEARTBEAT_MS + TOLERANCE_MS && latest <= TOLERANCE_MS,
    });
    expect(earliest).toBeLessThanOrEqual(HEARTBEAT_MS + TOLERANCE_MS);
    expect(latest).toBeLessThanOrEqual(TOLERANCE_MS);
    expect(unexplained).toBe(0);
  });

  it.each(atLeastOnce)('$title: what comes while the link is down is received, and no gap recorded', { timeout: 300_000 }, async (one) => {
    const { server, source, delivery, ledger, retry } = await connected(one);
    expect(delivery).toBe('at-least-once');
    for (let drop = 1; drop <= DROPS; drop++) {
      server.proxy.mode({ kind: 'refuse' });
      server.proxy.drop();
      await source.publish([`during ${drop}`]);
      server.proxy.mode({ kind: 'pass' });
      await expect
        .poll(async () => (await retry(), await source.redeliver?.(), (await ledger()).received), { timeout: 60_000, interval: 50 })
        .toBeGreaterThanOrEqual(drop);
    }
    const { received, unexplained, beside } = await ledger();
    // With an id of the provider's what comes again is received once, and still said to be a redelivery.
    const different = definitionOf(one.driver.type).capabilities.providerIds ? received : received - beside.redelivered;
    recordFigure({
      promise: 3,
      what: `${one.title} (${delivery}): ${DROPS} dropped links, a message while each was down`,
      figure: `${DROPS - different} lost, ${beside.gaps.length} gap records`,
      holds: different === DROPS && beside.gaps.length === 0,
    });
    expect(beside.gaps).toEqual([]);
    expect(different).toBe(DROPS);
    expect(unexplained).toBe(0);
  });
});
