import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEcho } from '../product/echo.ts';
import { listen } from '../product/listener.ts';
import { Services } from '../product/services.ts';
import { type Mosquitto, startMosquitto } from '../servers/mosquitto.ts';
import { recordFigure } from '../promises/figures.ts';

const COUNT = 500;

let services: Services;
let broker: Mosquitto;
beforeAll(async () => {
  broker = await startMosquitto();
  services = await Services.start();
});
afterAll(async () => {
  await services.stop();
  await broker.stop();
});

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')('every service as a process of its own', () => {
  it('answers each message once, through SIGKILL and restart of every one of them in turn', { timeout: 240_000 }, async () => {
    const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, 'out/services');
    const echo = await makeEcho(services, {
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false },
      topics: ['in/services'],
      answerTopic: 'out/services',
    });
    await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
    const victims = ['connector-mqtt', 'workflow-dispatch', 'workflow-runner', 'config', 'gateway'];
    const slice = COUNT / victims.length;
    for (const [index, name] of victims.entries()) {
      const published = listener.publish('in/services', index * slice + 1, (index + 1) * slice);
      await listener.untilAnswered(index * slice + 10, 60_000);
      await services.get(name).end('SIGKILL');
      await services.get(name).start();
      await published;
    }
    await listener.untilAnswered(COUNT, 60_000);
    await expect.poll(async () => (await echo.ledger()).runs.inFlight + (await echo.ledger()).inFlight, { timeout: 30_000 }).toBe(0);
    const ledger = await echo.ledger();
    expect(ledger).toMatchObject({
      unexplained: 0,
      dispatched: ledger.received,
      runs: { triggered: ledger.received, succeeded: ledger.received },
    });
    expect(ledger.received - COUNT).toBeLessThanOrEqual(ledger.beside.redelivered);
    await listener.stop();
  });

  it('shows a status as unknown once the connector that held it is gone, and as it is when it is back', { timeout: 120_000 }, async () => {
    const echo = await makeEcho(services, {
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port },
      topics: ['in/gone'],
      answerTopic: 'out/gone',
    });
    await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
    const begun = performance.now();
    await services.get('connector-mqtt').end('SIGKILL');
    await expect.poll(() => echo.state(), { timeout: 30_000 }).not.toBe('connected');
    const seconds = (performance.now() - begun) / 1_000;
    recordFigure({
      promise: 12,
      what: 'MQTT: the connector process is killed',
      figure: `not connected any more after ${seconds.toFixed(1)} s`,
      holds: seconds <= 15,
    });
    expect(await echo.state()).toBe('unknown');
    await services.get('connector-mqtt').start();
    await expect.poll(() => echo.state(), { timeout: 30_000 }).toBe('connected');
  });
});
