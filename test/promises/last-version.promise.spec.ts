import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from '../product/product.ts';
import { startFaultProxy, type FaultProxy } from '../servers/fault-proxy.ts';
import { type Mosquitto, startMosquitto } from '../servers/mosquitto.ts';
import { recordFigure } from './figures.ts';

const INTEGRATIONS = 20;
const CHANGES = 1_000;
const AT_ONCE = 8;

let product: Product;
let broker: Mosquitto;
let proxy: FaultProxy;
beforeAll(async () => {
  broker = await startMosquitto();
  proxy = await startFaultProxy({ port: broker.port });
  product = await Product.start();
});
afterAll(async () => {
  await product.stop();
  await proxy.stop();
  await broker.stop();
});

interface Integration {
  readonly id: string;
  readonly version: number;
  readonly topics: readonly string[];
  readonly enabled: boolean;
  readonly status: { readonly state: string; readonly appliedVersion?: number };
}

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')('promise 10: the last version wins', () => {
  it('whatever the order and however often changes come; a deleted integration has no connection', { timeout: 240_000 }, async () => {
    const app = await product.call<{ id: string }>('POST', '/applications', { name: 'Changes' });
    const path = `/applications/${app.id}/integrations`;
    const made: string[] = [];
    for (let index = 0; index < INTEGRATIONS; index++) {
      const mqttConfig = { protocol: 'mqtt', host: '127.0.0.1', port: proxy.port };
      made.push(
        (await product.call<Integration>('POST', path, { name: `I${index}`, integrationType: 'mqtt', topics: ['start'], mqttConfig })).id,
      );
    }
    // Each change a few times, shuffled, several at once: topics, switched off and on again, a name.
    const changes = Array.from({ length: CHANGES }, (_, index) => {
      const id = made[index % INTEGRATIONS] ?? '';
      const kind = Math.floor(index / INTEGRATIONS) % 4;
      return { id, body: kind === 3 ? { name: `N${index}` } : kind === 2 ? { enabled: index % 8 !== 2 } : { topics: [`t/${index}`] } };
    });
    for (let index = changes.length - 1; index > 0; index--) {
      const other = Math.floor(Math.random() * (index + 1));
      [changes[index], changes[other]] = [changes[other] as (typeof changes)[number], changes[index] as (typeof changes)[number]];
    }
    const left = [...changes];
    const work = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) await product.call('PATCH', `${path}/${next.id}`, next.body);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    for (const id of made) await product.call('PATCH', `${path}/${id}`, { enabled: true, topics: [`last/${id}`] });

    const list = async (): Promise<readonly Integration[]> =>
      (await product.call<{ items: Integration[] }>('GET', `${path}?perPage=1000`)).items;
    const behind = async (): Promise<number> =>
      (await list()).filter(({ version, status }) => status.state !== 'connected' || status.appliedVersion !== version).length;
    await expect.poll(behind, { timeout: 60_000, interval: 100 }).toBe(0);
    expect((await list()).map(({ id, topics }) => topics[0] === `last/${id}`)).toEqual(made.map(() => true));
    await expect.poll(() => proxy.open, { timeout: 5_000 }).toBe(INTEGRATIONS);

    const deleting = performance.now();
    for (const id of made) await product.call('DELETE', `${path}/${id}`, {});
    await expect.poll(() => proxy.open, { timeout: 30_000, interval: 20 }).toBe(0);
    const seconds = (performance.now() - deleting) / 1_000;
    recordFigure({
      promise: 10,
      what: `${CHANGES} shuffled changes of ${INTEGRATIONS} integrations, ${AT_ONCE} at once, then a last one of each; then all deleted`,
      figure: `the last version applied on ${INTEGRATIONS} of ${INTEGRATIONS}; 0 connections ${seconds.toFixed(1)} s after the first deletion`,
      holds: seconds <= 5,
    });
    expect((await list()).length).toBe(0);
  });
});
