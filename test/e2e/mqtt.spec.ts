import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { echoFlow, makeEcho, type Echo } from '../product/echo.ts';
import { listen } from '../product/listener.ts';
import { Product } from '../product/product.ts';
import { makeCertificates, type Certificates } from '../servers/certificates.ts';
import { type Mosquitto, passwordLine, startMosquitto } from '../servers/mosquitto.ts';

const COUNT = 500;

let product: Product;
let certificates: Certificates;
let ports: { password: number; tls: number; ws: number };
let broker: Mosquitto;

beforeAll(async () => {
  certificates = makeCertificates();
  ports = { password: await freePort(), tls: await freePort(), ws: await freePort() };
  broker = await startMosquitto((dir) => {
    writeFileSync(join(dir, 'passwords'), passwordLine('sluice', 'opensesame'));
    return `per_listener_settings true
allow_anonymous true
listener ${ports.password} 127.0.0.1
allow_anonymous false
password_file ${join(dir, 'passwords')}
listener ${ports.tls} 127.0.0.1
allow_anonymous true
require_certificate true
cafile ${certificates.dir}/ca.pem
certfile ${certificates.dir}/server.pem
keyfile ${certificates.dir}/server.key
listener ${ports.ws} 127.0.0.1
protocol websockets
allow_anonymous true
`;
  });
  product = await Product.start();
});
afterAll(async () => {
  await product.stop();
  await broker.stop();
});

/** 500 numbered messages in, 500 answers out, each once, and a ledger that closes. */
async function proveEcho(name: string, mqttConfig: Record<string, unknown>): Promise<void> {
  const inTopic = `in/${name}`;
  const answerTopic = `out/${name}`;
  const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, answerTopic);
  const echo = await makeEcho(product, { mqttConfig: { clean: false, ...mqttConfig }, topics: [inTopic], answerTopic });
  await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
  await listener.publish(inTopic, 1, COUNT);
  await listener.untilAnswered(COUNT, 20_000);
  await expectClosed(echo, COUNT);
  expect(listener.extra()).toBe(0);
  await listener.stop();
}

async function expectClosed(echo: Echo, received: number): Promise<void> {
  await expect
    .poll(() => echo.ledger(), { timeout: 10_000 })
    .toMatchObject({
      received,
      dispatched: received,
      unmatched: 0,
      rejectedByQuota: 0,
      disabled: 0,
      deadLettered: 0,
      inFlight: 0,
      unexplained: 0,
      runs: { triggered: received, succeeded: received, failed: 0, deadLettered: 0, inFlight: 0 },
    });
}

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')('MQTT in, workflow, MQTT out: 500 in, 500 answers, each once', () => {
  for (const protocolVersion of ['3.1.1', '5']) {
    it(`over plain MQTT ${protocolVersion}`, async () => {
      await proveEcho(`plain-${protocolVersion}`, { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, protocolVersion });
    });
    it(`with a password, MQTT ${protocolVersion}`, async () => {
      const credentials = { username: 'sluice', password: 'opensesame' };
      await proveEcho(`password-${protocolVersion}`, {
        protocol: 'mqtt',
        host: '127.0.0.1',
        port: ports.password,
        protocolVersion,
        ...credentials,
      });
    });
    it(`over TLS with a client certificate, MQTT ${protocolVersion}`, async () => {
      await proveEcho(`tls-${protocolVersion}`, {
        protocol: 'mqtts',
        host: 'localhost',
        port: ports.tls,
        protocolVersion,
        caCertificate: certificates.ca,
        certificate: certificates.client.certificate,
        privateKey: certificates.client.key,
      });
    });
    it(`over websockets, MQTT ${protocolVersion}`, async () => {
      await proveEcho(`ws-${protocolVersion}`, { protocol: 'ws', host: '127.0.0.1', port: ports.ws, protocolVersion });
    });
  }

  it('a workflow is started by what is published as soon as its saving is answered', { timeout: 60_000 }, async () => {
    const answerTopic = 'out/saved';
    const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, answerTopic);
    const mqttConfig = { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false };
    const echo = await makeEcho(product, { mqttConfig, topics: ['in/saved/#'], answerTopic });
    await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
    const flows = `/applications/${echo.applicationId}/flows`;
    await product.call('DELETE', `${flows}/${echo.flowId}`);
    for (let number = 1; number <= 30; number++) {
      const flow = await product.call<{ id: string }>('POST', flows, echoFlow(echo.integrationId, answerTopic));
      await listener.publish('in/saved/now', number, number);
      await listener.untilAnswered(number, 10_000);
      await product.call('DELETE', `${flows}/${flow.id}`);
    }
    await expectClosed(echo, 30);
    await listener.stop();
  });

  it('a default version decides as soon as the change of it is answered', { timeout: 60_000 }, async () => {
    const answerTopic = 'out/version';
    const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, answerTopic);
    const mqttConfig = { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false };
    const echo = await makeEcho(product, { mqttConfig, topics: ['in/version/#'], answerTopic });
    await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
    const flow = `/applications/${echo.applicationId}/flows/${echo.flowId}`;
    const { triggers, nodes } = echoFlow(echo.integrationId, answerTopic);
    const { id } = await product.call<{ id: string }>('POST', `${flow}/versions`, { version: 'v1', triggers, nodes });
    await product.call('PATCH', flow, { defaultVersionId: id });
    for (let number = 1; number <= 30; number++) {
      await product.call('PATCH', `${flow}/versions/${id}`, { enabled: false });
      await listener.publish('in/version/now', 1_000 + number, 1_000 + number);
      await expect.poll(async () => (await echo.ledger()).received).toBe(2 * number - 1);
      await product.call('PATCH', `${flow}/versions/${id}`, { enabled: true });
      await listener.publish('in/version/now', number, number);
      await listener.untilAnswered(number, 10_000);
    }
    await expect
      .poll(() => echo.ledger())
      .toMatchObject({ received: 60, dispatched: 30, unmatched: 30, inFlight: 0, runs: { succeeded: 30, inFlight: 0 } });
    expect([...listener.answers.keys()]).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    await listener.stop();
  });

  it('through a broker that is killed and comes back', { timeout: 120_000 }, async () => {
    const listener = await listen(`mqtt://127.0.0.1:${broker.port}`, 'out/bounce');
    const echo = await makeEcho(product, {
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false },
      topics: ['in/bounce'],
      answerTopic: 'out/bounce',
    });
    await expect.poll(() => echo.state(), { timeout: 15_000 }).toBe('connected');
    await listener.publish('in/bounce', 1, 200);
    const second = listener.publish('in/bounce', 201, COUNT);
    await broker.kill('SIGTERM');
    await broker.start();
    await second;
    await listener.untilAnswered(COUNT, 60_000);
    const ledger = await echo.ledger();
    expect(ledger.unexplained).toBe(0);
    expect(ledger.received).toBeGreaterThanOrEqual(COUNT);
    await listener.stop();
  });
});
