import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionOf } from '#lib/connectors';
import { configFieldOf } from '#lib/contracts';
import { until } from '../conformance/until.ts';
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
});
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
  await secondsUntil(read, (state) => state === 'connected');
  return { server, place, path, read };
}

/** Seconds until the state, of a version if one is named, is one of these. */
async function secondsUntil(read: () => Promise<Read>, is: (state: string) => boolean, version?: number): Promise<number> {
  const begun = performance.now();
  const holds = ({ state, appliedVersion }: Read['status']): boolean => is(state) && (version === undefined || appliedVersion === version);
  await until('the state', async () => (await read()).status, holds);
  return (performance.now() - begun) / 1_000;
}

// Side by side, as each waits for a server of its own; the tests of one break the same link, one after the other.
describe.each(others)('$type', { concurrent: true }, (driver) => {
  const { title } = definitionOf(driver.type);
  const alone = { concurrent: false };

  it('promise 12: not connected on a black-holed link, healed when it is lifted', { ...alone, timeout: 200_000 }, async () => {
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

  it('promise 18: what was read can be written back, and the secret is as it was', { ...alone, timeout: 200_000 }, async () => {
    const { server, place, path, read } = await connected(driver);
    const field = configFieldOf(driver.type);
    const before = (await read()) as Read & Record<string, Record<string, unknown>>;
    for (const secret of place.secrets) expect(JSON.stringify(before)).not.toContain(secret);
    for (const change of [{ [field]: before[field] }, { [field]: before[field], name: 'Renamed' }]) {
      const patched = await product.call<Read>('PATCH', path, change);
      await secondsUntil(read, (state) => state === 'connected', patched.version);
    }
    // Connected anew, it shows the secret it has: the servers of SQS, Event Hubs and Particle check it.
    const disabled = await product.call<Read>('PATCH', path, { enabled: false });
    await secondsUntil(read, (state) => state === 'disabled', disabled.version);
    const enabled = await product.call<Read>('PATCH', path, { enabled: true });
    await secondsUntil(read, (state) => state === 'connected', enabled.version);
    recordFigure({
      promise: 18,
      what: `${title}: GET then PATCH with what was read, and with a change beside it, at ${server.name}; then connected anew`,
      figure: 'connects each time',
      holds: true,
    });
  });

  it('promise 12: unauthorized once the credential is refused, and the reason quotes none', { ...alone, timeout: 200_000 }, async () => {
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
