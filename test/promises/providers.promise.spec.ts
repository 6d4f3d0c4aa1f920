import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionOf } from '#lib/connectors';
import { configFieldOf } from '#lib/contracts';
import { Product } from '../product/product.ts';
import type { Configured, Driver, ProviderServer } from '../providers/driver.ts';
import { drivers } from '../providers/index.ts';
import { recordFigure } from './figures.ts';

interface Read {
  readonly id: string;
  readonly version: number;
  readonly topics: readonly string[];
  readonly status: { readonly state: string; readonly appliedVersion?: number; readonly reason?: string };
}

/** MQTT's are in status.promise.spec.ts and secrets-kept.promise.spec.ts. */
const others = drivers.filter(({ type }) => type !== 'mqtt');
const servers = new Map<Driver, ProviderServer>();
let product: Product;
let base: string;
let names = 0;
beforeAll(async () => {
  for (const driver of others) servers.set(driver, await driver.start());
  product = await Product.start(Object.assign({}, ...[...servers.values()].map(({ settings }) => settings)) as Record<string, string>);
  const { id } = await product.call<{ id: string }>('POST', '/applications', { name: 'Providers' });
  base = `/applications/${id}/integrations`;
}, 120_000);
afterAll(async () => {
  await product.stop();
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

/** An integration at a source of its own, connected. */
async function connected(driver: Driver): Promise<{ server: ProviderServer; place: Configured; path: string; read: () => Promise<Read> }> {
  const server = servers.get(driver) as ProviderServer;
  const place = await server.source(`promise-${++names}`);
  const body = { name: 'Promise', integrationType: driver.type, topics: place.topics, [configFieldOf(driver.type)]: place.config };
  const { id } = await product.call<Read>('POST', base, body);
  const path = `${base}/${id}`;
  const read = (): Promise<Read> => product.call<Read>('GET', path);
  await expect.poll(async () => (await read()).status.state, { timeout: 30_000 }).toBe('connected');
  return { server, place, path, read };
}

/** Seconds until the state is one of these; fails after a minute. */
async function secondsUntil(read: () => Promise<Read>, is: (state: string) => boolean): Promise<number> {
  const begun = performance.now();
  await expect.poll(async () => is((await read()).status.state), { timeout: 60_000, interval: 50 }).toBe(true);
  return (performance.now() - begun) / 1_000;
}

describe.each(others)('$type', (driver) => {
  const { title } = definitionOf(driver.type);

  it('promise 12: not connected on a black-holed link, healed when it is lifted', { timeout: 180_000 }, async () => {
    const { server, read } = await connected(driver);
    server.proxy.mode({ kind: 'stall' });
    const noticed = await secondsUntil(read, (state) => state !== 'connected');
    server.proxy.mode({ kind: 'pass' });
    const healed = await secondsUntil(read, (state) => state === 'connected');
    recordFigure({
      promise: 12,
      what: `${title}: the link swallows everything, then heals`,
      figure: `noticed in ${noticed.toFixed(1)} s, healed in ${healed.toFixed(1)} s`,
      holds: noticed <= 15 && healed <= 30,
    });
    expect(noticed).toBeLessThanOrEqual(15);
    expect(healed).toBeLessThanOrEqual(30);
  });

  it('promise 18: what was read can be written back, and the secret is as it was', { timeout: 120_000 }, async () => {
    const { server, place, path, read } = await connected(driver);
    const field = configFieldOf(driver.type);
    const before = (await read()) as Read & Record<string, Record<string, unknown>>;
    for (const secret of place.secrets) expect(JSON.stringify(before)).not.toContain(secret);
    for (const change of [{ [field]: before[field] }, { [field]: before[field], name: 'Renamed' }]) {
      const patched = await product.call<Read>('PATCH', path, change);
      await expect
        .poll(async () => (await read()).status, { timeout: 30_000 })
        .toMatchObject({ state: 'connected', appliedVersion: patched.version });
    }
    // Connected anew, it shows the secret it has: the servers of SQS, Event Hubs and Particle check it.
    const disabled = await product.call<Read>('PATCH', path, { enabled: false });
    await expect
      .poll(async () => (await read()).status, { timeout: 30_000 })
      .toMatchObject({ state: 'disabled', appliedVersion: disabled.version });
    await product.call('PATCH', path, { enabled: true });
    await expect.poll(async () => (await read()).status.state, { timeout: 30_000 }).toBe('connected');
    recordFigure({
      promise: 18,
      what: `${title}: GET then PATCH with what was read, and with a change beside it, at ${server.name}; then connected anew`,
      figure: 'connects each time',
      holds: true,
    });
  });

  it('promise 12: unauthorized once the credential is refused, and the reason quotes none', { timeout: 120_000 }, async () => {
    const { server, place, read } = await connected(driver);
    await server.revoke();
    const noticed = await secondsUntil(read, (state) => state === 'unauthorized');
    const { status } = await read();
    for (const secret of place.secrets) expect(JSON.stringify(status)).not.toContain(secret);
    await server.restore();
    recordFigure({
      promise: 12,
      what: `${title}: the credential is revoked at the server`,
      figure: `unauthorized ${noticed.toFixed(1)} s later`,
      holds: noticed <= 15,
    });
    expect(noticed).toBeLessThanOrEqual(15);
  });
});
