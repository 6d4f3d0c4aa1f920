import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEcho } from '../product/echo.ts';
import { listen } from '../product/listener.ts';
import { Product } from '../product/product.ts';
import { type Mosquitto, startMosquitto } from '../servers/mosquitto.ts';
import { LONG, recordFigure } from './figures.ts';

const COUNT = LONG ? 20_000 : 2_000;
const KILLS = LONG ? 51 : 6;

let product: Product;
let broker: Mosquitto;
beforeAll(async () => {
  broker = await startMosquitto();
  product = await Product.start();
});
afterAll(async () => {
  await product.stop();
  await broker.stop();
});

/** What is killed with SIGKILL, in turn. The product's process holds connector, dispatch, runner, config and gateway. */
const VICTIMS: readonly [name: string, kill: () => Promise<void>][] = [
  [
    'the product',
    async () => {
      await product.kill();
      await product.launch();
    },
  ],
  ['nats-server', () => killServer('nats-server')],
  ['PostgreSQL', () => killServer('PostgreSQL')],
];

async function killServer(name: 'nats-server' | 'PostgreSQL'): Promise<void> {
  const pid = product.serverPid(name);
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => product.serverPid(name), { timeout: 30_000, interval: 20 }).not.toBe(pid);
  await product.untilReady();
}

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')('promises 1 and 4', () => {
  it('no message is lost through kills of every process, and the ledger closes', { timeout: LONG ? 1_800_000 : 240_000 }, async () => {
    const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, 'out/ledger');
    const echo = await makeEcho(product, {
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false },
      topics: ['in/ledger'],
      answerTopic: 'out/ledger',
    });
    await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
    const slice = Math.floor(COUNT / KILLS);
    for (let kill = 0; kill < KILLS; kill++) {
      const last = kill === KILLS - 1 ? COUNT : (kill + 1) * slice;
      const published = listener.publish('in/ledger', kill * slice + 1, last);
      // In the middle of it: some of this slice is answered, most is not.
      await listener.untilAnswered(Math.min(COUNT, kill * slice + Math.ceil(slice / 10)), 60_000);
      await VICTIMS[kill % VICTIMS.length]?.[1]();
      await published;
    }
    await listener.untilAnswered(COUNT, 120_000);
    await expect.poll(async () => (await echo.ledger()).runs.inFlight + (await echo.ledger()).inFlight, { timeout: 30_000 }).toBe(0);
    const ledger = await echo.ledger();
    const lost = COUNT - listener.answers.size;
    const again = ledger.received - COUNT;
    recordFigure({
      promise: 1,
      what: `MQTT QoS 1, persistent session: ${COUNT} messages through ${KILLS} × SIGKILL of the product, nats-server and PostgreSQL`,
      figure: `${lost} lost; ${again} delivered again by the broker, ${ledger.beside.redelivered} of them marked so`,
      holds: lost === 0 && again <= ledger.beside.redelivered,
    });
    recordFigure({
      promise: 4,
      what: 'the ledger after that',
      figure: `received ${ledger.received} = dispatched ${ledger.dispatched}, in flight ${ledger.inFlight}, unexplained ${ledger.unexplained}; triggered ${ledger.runs.triggered} = succeeded ${ledger.runs.succeeded} + failed ${ledger.runs.failed}`,
      holds: ledger.unexplained === 0 && ledger.received === ledger.dispatched,
    });
    expect(lost).toBe(0);
    expect(again).toBeLessThanOrEqual(ledger.beside.redelivered);
    expect(ledger).toMatchObject({
      unexplained: 0,
      inFlight: 0,
      unmatched: 0,
      disabled: 0,
      rejectedByQuota: 0,
      deadLettered: 0,
      dispatched: ledger.received,
    });
    expect(ledger.runs).toMatchObject({ triggered: ledger.received, failed: 0, deadLettered: 0, succeeded: ledger.received });
    await listener.stop();
  });
});
