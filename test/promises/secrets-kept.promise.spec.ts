import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from '../product/product.ts';
import { type Mosquitto, passwordLine, startMosquitto } from '../servers/mosquitto.ts';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { recordFigure } from './figures.ts';

let product: Product;
let broker: Mosquitto;
let securePort: number;
beforeAll(async () => {
  securePort = await freePort();
  broker = await startMosquitto((dir) => {
    writeFileSync(join(dir, 'passwords'), passwordLine('sluice', 'opensesame'));
    return `per_listener_settings true\nlistener ${securePort} 127.0.0.1\nallow_anonymous false\npassword_file ${join(dir, 'passwords')}\n`;
  });
  product = await Product.start();
});
afterAll(async () => {
  await product.stop();
  await broker.stop();
});

interface Integration {
  readonly id: string;
  readonly version: number;
  readonly mqttConfig: Record<string, unknown>;
  readonly status: { readonly state: string; readonly appliedVersion?: number };
}

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')('promise 18: what was read can be written back', () => {
  it('a GET answers a mask, and a PATCH with it leaves the secret as it was: the broker still takes it', { timeout: 60_000 }, async () => {
    const app = await product.call<{ id: string }>('POST', '/applications', { name: 'Masks' });
    const path = `/applications/${app.id}/integrations`;
    const made = await product.call<Integration>('POST', path, {
      name: 'Broker',
      integrationType: 'mqtt',
      topics: ['in'],
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: securePort, username: 'sluice', password: 'opensesame' },
    });
    const one = `${path}/${made.id}`;
    const read = (): Promise<Integration> => product.call<Integration>('GET', one);
    const appliedAndConnected = async (version: number): Promise<void> => {
      await expect
        .poll(async () => (await read()).status, { timeout: 15_000 })
        .toMatchObject({ state: 'connected', appliedVersion: version });
    };
    await appliedAndConnected(made.version);
    const before = await read();
    expect(before.mqttConfig['password']).not.toBe('opensesame');
    // With the mask, without the field, and with something else changed beside it.
    for (const change of [{}, { password: undefined }, { protocolVersion: '5' }]) {
      const patched = await product.call<Integration>('PATCH', one, { mqttConfig: { ...before.mqttConfig, ...change } });
      // The same configuration may be a new version or none; either way what runs now is what was answered, and the broker took its password.
      await appliedAndConnected(patched.version);
    }
    const wrong = await product.call<Integration>('PATCH', one, { mqttConfig: { ...before.mqttConfig, password: 'wrong' } });
    await expect
      .poll(async () => (await read()).status, { timeout: 15_000 })
      .toMatchObject({ state: 'unauthorized', appliedVersion: wrong.version });
    recordFigure({
      promise: 18,
      what: 'MQTT: GET then PATCH with the mask, without the field, and with a change beside it, at a broker that asks for the password',
      figure: '3 of 3 still connect; a wrong one is refused',
      holds: true,
    });
  });
});
