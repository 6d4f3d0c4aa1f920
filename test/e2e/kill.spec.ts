import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Echo, makeEcho } from '../product/echo.ts';
import { listen } from '../product/listener.ts';
import { Product } from '../product/product.ts';
import { type Mosquitto, startMosquitto } from '../servers/mosquitto.ts';

const COUNT = 200;
const HALF = 100;
/** Each hop of a message's life, and which passing of it stops the process. */
const POINTS: readonly [point: string, passing: number][] = [
  ['connector.afterReceive', 50],
  ['connector.afterStore', 50],
  ['connector.afterAck', 50],
  ['dispatch.afterTriggered', 50],
  ['dispatch.afterCommit', 2],
  ['runner.beforeSend', 50],
  ['runner.afterSend', 50],
  ['runner.afterCommit', 2],
];

let broker: Mosquitto;
let product: Product;
beforeAll(async () => {
  broker = await startMosquitto();
  product = await Product.start({ SLUICE_FAULT: '' });
});
afterAll(async () => {
  await product.stop();
  await broker.stop();
});

/** Lets `provoke` run into a fault that kills the product, and starts it again. */
async function dieAt(point: string, passing: number, provoke: () => Promise<unknown>): Promise<void> {
  await product.arm(point, passing);
  await provoke();
  expect(await product.ended()).toBe(null); // killed, which nobody but the fault does
  await product.launch();
}

/** What is done of the first half is then committed, so that the second half needs another commit: a fast machine would make do with one for all. */
async function untilDoneOrDead(echo: Echo): Promise<void> {
  let dead = false;
  void product.ended().then(() => (dead = true));
  await expect.poll(async () => dead || (await echo.ledger()).runs.succeeded === HALF, { timeout: 60_000 }).toBe(true);
}

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')(
  'killed between two lines and started again: nothing lost, every extra explained',
  () => {
    for (const [point, passing] of POINTS) {
      it(`at ${point}`, { timeout: 120_000 }, async () => {
        const name = point.replace('.', '-');
        const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, `out/${name}`);
        const echo = await makeEcho(product, {
          mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false },
          topics: [`in/${name}`],
          answerTopic: `out/${name}`,
        });
        await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
        await dieAt(point, passing, async () => {
          await listener.publish(`in/${name}`, 1, HALF);
          await untilDoneOrDead(echo);
          await listener.publish(`in/${name}`, HALF + 1, COUNT);
        });

        await listener.untilAnswered(COUNT, 60_000);
        await expect.poll(async () => (await echo.ledger()).runs.inFlight, { timeout: 20_000 }).toBe(0);
        const ledger = await echo.ledger();
        expect(ledger.unexplained).toBe(0);
        expect(ledger.inFlight).toBe(0);
        expect(ledger.received).toBe(ledger.dispatched);
        // A message the broker sent again may be stored again; each of those is counted.
        expect(ledger.received - COUNT).toBeLessThanOrEqual(ledger.beside.redelivered);
        expect(ledger.runs.triggered).toBe(ledger.dispatched);
        expect(listener.extra()).toBeLessThanOrEqual(ledger.received - COUNT + ledger.beside.restarted);
        await listener.stop();
      });
    }

    it('at config.afterAppend: what was saved reaches the connectors after the restart', { timeout: 120_000 }, async () => {
      const application = await product.call<{ id: string }>('POST', '/applications', { name: 'Saved' });
      const path = `/applications/${application.id}/integrations`;
      const body = {
        name: 'Saved',
        integrationType: 'mqtt',
        topics: ['in'],
        mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port },
      };
      // The answer may be lost with the process.
      await dieAt('config.afterAppend', 1, () => product.api('POST', path, body).catch(() => undefined));
      const list = (): Promise<{ items: { name: string; status: { state: string } }[] }> => product.call('GET', path);
      await expect
        .poll(async () => (await list()).items, { timeout: 15_000 })
        .toMatchObject([{ name: 'Saved', status: { state: 'connected' } }]);
    });
  },
);
