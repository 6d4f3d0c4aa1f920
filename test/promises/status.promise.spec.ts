import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../conformance/until.ts';
import { makeEcho } from '../product/echo.ts';
import { listen } from '../product/listener.ts';
import { Product } from '../product/product.ts';
import { startFaultProxy } from '../servers/fault-proxy.ts';
import { type Mosquitto, passwordLine, startMosquitto } from '../servers/mosquitto.ts';
import { recordFigure } from './figures.ts';

let product: Product;
let broker: Mosquitto;
/** With a password, and to be restarted. */
let guarded: Mosquitto;
beforeAll(async () => {
  broker = await startMosquitto();
  guarded = await startMosquitto((dir) => {
    writeFileSync(join(dir, 'passwords'), passwordLine('sluice', 'opensesame'));
    return `allow_anonymous false\npassword_file ${join(dir, 'passwords')}\n`;
  });
  product = await Product.start();
});
afterAll(async () => {
  await product.stop();
  await broker.stop();
  await guarded.stop();
});

/** Seconds until the state is (or is no longer) one. */
async function secondsUntil(state: () => Promise<string>, is: (state: string) => boolean): Promise<number> {
  const begun = performance.now();
  await until('the state', state, is);
  return (performance.now() - begun) / 1_000;
}

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')("promise 12: a status that can't lie (MQTT)", { concurrent: true }, () => {
  it('is not connected any more on a black-holed link, and heals when it is lifted', { timeout: 120_000 }, async () => {
    const proxy = await startFaultProxy({ port: broker.port });
    const echo = await makeEcho(product, {
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: proxy.port, clean: false },
      topics: ['in/hole'],
      answerTopic: 'out/hole',
    });
    await secondsUntil(echo.state, (state) => state === 'connected');
    proxy.mode({ kind: 'stall' });
    const noticed = await secondsUntil(echo.state, (state) => state !== 'connected');
    proxy.mode({ kind: 'pass' });
    const healed = await secondsUntil(echo.state, (state) => state === 'connected');
    recordFigure({
      promise: 12,
      what: 'MQTT: the link swallows everything, then heals',
      figure: `noticed in ${noticed.toFixed(1)} s, healed in ${healed.toFixed(1)} s`,
      holds: noticed <= 15 && healed <= 30,
    });
    await proxy.stop();
    expect(noticed).toBeLessThanOrEqual(15);
    expect(healed).toBeLessThanOrEqual(30);
  });

  it('says unauthorized once the broker refuses the credential', { timeout: 120_000 }, async () => {
    const echo = await makeEcho(product, {
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: guarded.port, clean: false, username: 'sluice', password: 'opensesame' },
      topics: ['in/revoked'],
      answerTopic: 'out/revoked',
    });
    await secondsUntil(echo.state, (state) => state === 'connected');
    writeFileSync(join(guarded.dir, 'passwords'), passwordLine('sluice', 'changed'));
    await guarded.kill('SIGTERM');
    await guarded.start();
    const noticed = await secondsUntil(echo.state, (state) => state === 'unauthorized');
    recordFigure({
      promise: 12,
      what: 'MQTT: the password is changed at the broker, which restarts',
      figure: `unauthorized ${noticed.toFixed(1)} s after the restart`,
      holds: noticed <= 30,
    });
    expect(await echo.state()).toBe('unauthorized');
  });

  it('raises no false alarm while idle or held back by the throttle', { timeout: 120_000 }, async () => {
    const seen = new Set<string>();
    const limits = { messagesPerSecond: 5, burst: 5 };
    const echo = await makeEcho(product, {
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false },
      topics: ['in/held'],
      answerTopic: 'out/held',
      limits,
    });
    await secondsUntil(echo.state, (state) => state === 'connected');
    const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, 'out/held');
    await listener.publish('in/held', 1, 150); // half a minute of the throttle
    while (listener.answers.size < 150) {
      seen.add(await echo.state());
      await listener.untilAnswered(listener.answers.size + 1, 30_000);
    }
    recordFigure({
      promise: 12,
      what: 'MQTT: half a minute held back by the throttle',
      figure: `states seen: ${[...seen].join(', ')}`,
      holds: seen.size === 1,
    });
    await listener.stop();
    expect([...seen]).toEqual(['connected']);
  });
});
