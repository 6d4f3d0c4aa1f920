import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MqttClient, connectAsync } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection, ConnectionConfig } from '#lib/connector-sdk';
import { freePort } from '../../../../apps/standalone/src/servers/child.ts';
import { type Certificates, makeCertificates } from '../../../../test/servers/certificates.ts';
import { type RecordingContext, recordingContext } from '../../../../test/servers/connection-context.ts';
import { type Mosquitto, passwordLine, startMosquitto } from '../../../../test/servers/mosquitto.ts';
import { MqttConfig } from './config.ts';
import { mqtt } from './definition.ts';
import { mqttProvider } from './provider.ts';

let certificates: Certificates;
let broker: Mosquitto;
const ports = { password: 0, tls: 0, ws: 0, wss: 0 };
const open: Connection[] = [];
const clients: MqttClient[] = [];
let names = 0;

beforeAll(async () => {
  certificates = makeCertificates();
  for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
  broker = await startMosquitto((dir) => {
    writeFileSync(join(dir, 'passwords'), passwordLine('sluice', 'opensesame'));
    const tls = `cafile ${certificates.dir}/ca.pem\ncertfile ${certificates.dir}/server.pem\nkeyfile ${certificates.dir}/server.key\n`;
    return `per_listener_settings true
allow_anonymous true
listener ${ports.password} 127.0.0.1
allow_anonymous false
password_file ${dir}/passwords
listener ${ports.tls} 127.0.0.1
allow_anonymous true
require_certificate true
${tls}
listener ${ports.ws} 127.0.0.1
allow_anonymous true
protocol websockets
listener ${ports.wss} 127.0.0.1
allow_anonymous true
protocol websockets
${tls}`;
  });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close({ drain: false })));
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
});
afterAll(async () => await broker.stop());

type Input = Partial<Omit<MqttConfig, 'port'>> & { port?: number | string };

function configured(config: Input, topics: readonly string[] = []): ConnectionConfig<MqttConfig> {
  return {
    integrationId: 'i',
    applicationId: 'a',
    topics,
    config: MqttConfig.parse({ protocol: 'mqtt', host: '127.0.0.1', port: broker.port, ...config }),
    assignedClientId: `assigned-${process.pid}-${++names}`,
  };
}

async function connected(
  config: Input,
  topics: readonly string[] = [],
  context: RecordingContext = recordingContext(),
): Promise<{ connection: Connection; context: RecordingContext }> {
  const connection = await mqttProvider().connect(configured(config, topics), context);
  open.push(connection);
  return { connection, context };
}

/** A client that has nothing to do with ours. */
async function other(options: Record<string, unknown> = {}): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { reconnectPeriod: 0, ...options });
  clients.push(client);
  return client;
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const text = (context: RecordingContext): string[] => context.received.map(({ body }) => Buffer.from(body).toString());

describe.each(['3.1.1', '5'] as const)('MQTT %s', (protocolVersion) => {
  it('connects, proves its subscriptions, receives and sends', async () => {
    const topic = `plain/${protocolVersion}`;
    const { connection, context } = await connected({ protocolVersion }, [`${topic}/#`, 'else/+']);
    expect(context.proofs).toEqual(['suback']);
    expect(connection.connectData).toEqual({ topics: [`${topic}/#`, 'else/+'] });
    const sent = await connection.send?.({ id: 'r:n:0', payload: Buffer.from('hello'), options: { topic: `${topic}/x` } });
    expect(sent).toEqual({ verdict: 'succeeded' });
    await expect.poll(() => text(context)).toEqual(['hello']);
    expect(context.received[0]).toMatchObject({ attributes: { topic: `${topic}/x` }, redelivered: false, droppable: false });
    await connection.probe();
    expect(context.proofs.at(-1)).toBe('pingresp');
  });

  it.each(['mqtts', 'ws', 'wss'] as const)('speaks %s through the dial it is given', async (protocol) => {
    const { certificate, key: privateKey } = certificates.client;
    const port = { mqtts: ports.tls, ws: ports.ws, wss: ports.wss }[protocol];
    const secure = protocol === 'ws' ? {} : { caCertificate: certificates.ca, host: 'localhost' };
    const own = protocol === 'mqtts' ? { certificate, privateKey } : {};
    const topic = `${protocol}/${protocolVersion}`;
    const { connection, context } = await connected({ protocol, port, protocolVersion, ...secure, ...own }, [topic]);
    // This mosquitto takes seconds to send a long message back over websockets, whatever the client.
    const payload = Buffer.alloc(protocol === 'mqtts' ? 200_000 : 3_000, protocol);
    await connection.send?.({ id: 'r:n:0', payload, options: { topic, qos: 2 } });
    await expect.poll(() => context.received.map(({ body }) => payload.equals(body))).toEqual([true]);
    expect(context.dialled).toEqual([`${protocol === 'ws' ? '127.0.0.1' : 'localhost'}:${port}`]);
  });

  it('tells a refused password', async () => {
    await connected({ protocolVersion, port: ports.password, username: 'sluice', password: 'opensesame' });
    const refused = await failure(connected({ protocolVersion, port: ports.password, username: 'sluice', password: 'wrong' }));
    expect(refused).toMatchObject({ name: 'ConnectorError', code: 'unauthorized' });
    expect(String(refused)).not.toContain('wrong');
  });

  it('acknowledges in the order of arrival, each only once it is durable', async () => {
    const topic = `order/${protocolVersion}`;
    const clientId = `order-${protocolVersion}`;
    const first = recordingContext();
    first.storing = 'by hand';
    const { connection } = await connected({ protocolVersion, clientId, clean: false }, [topic], first);
    const publisher = await other();
    for (const message of ['0', '1', '2', '3']) await publisher.publishAsync(topic, message, { qos: 1 });
    await expect.poll(() => text(first)).toEqual(['0', '1', '2', '3']);
    for (const index of [0, 2, 3]) first.received[index]?.store();
    await connection.probe(); // what was written before it has arrived
    await connection.close({ drain: false });
    // 0 was acknowledged; 2 and 3 were durable but stood behind 1.
    const { context: second } = await connected({ protocolVersion, clientId, clean: false }, [topic]);
    await expect.poll(() => text(second)).toEqual(['1', '2', '3']);
    expect(second.received.every(({ redelivered }) => redelivered === true)).toBe(true);
  });

  it('sends at each QoS, and retains', async () => {
    const { connection } = await connected({ protocolVersion });
    const topic = `retained/${protocolVersion}`;
    for (const qos of [0, 1, 2])
      expect(await connection.send?.({ id: `r:n:${qos}`, payload: Buffer.from(`${qos}`), options: { topic, qos, retain: true } })).toEqual({
        verdict: 'succeeded',
      });
    const { context } = await connected({ protocolVersion }, [topic]);
    await expect.poll(() => text(context)).toEqual(['2']);
  });
});

describe('TLS', () => {
  const tls = (more: Input): Input => ({ protocol: 'mqtts', host: 'localhost', port: ports.tls, ...more });
  const own = (): Input => ({ certificate: certificates.client.certificate, privateKey: certificates.client.key });

  it.each([
    ['an authority it was not told of', () => tls(own()), 'misconfigured', 'caCertificate'],
    ['an authority that is no PEM', () => tls({ ...own(), caCertificate: 'nonsense' }), 'misconfigured', 'caCertificate'],
    [
      'a key that is no PEM',
      () => tls({ ...own(), caCertificate: certificates.ca, privateKey: 'nonsense' }),
      'misconfigured',
      'privateKey',
    ],
    [
      'a key of another certificate',
      () => tls({ ...own(), caCertificate: certificates.ca, privateKey: certificates.server.key }),
      'misconfigured',
      'privateKey',
    ],
    ['a port without TLS', () => tls({ ...own(), caCertificate: certificates.ca, port: broker.port }), 'lost', 'TLS'],
  ] as const)('refuses %s', async (_what, config, code, word) => {
    const error = await failure(connected(config()));
    expect(error).toMatchObject({ name: 'ConnectorError', message: expect.stringContaining(word) as string });
    expect(error).toHaveProperty('code', code);
    expect(String(error)).not.toContain('nonsense');
  });

  it('names the client certificate where one is wanted and none is given', async () => {
    const error = await failure(connected(tls({ caCertificate: certificates.ca })));
    // Which of the two it is depends on what comes first, the server's alert or its close.
    expect(['unauthorized', 'lost']).toContain((error as { code?: string }).code);
    expect(error).toMatchObject({ name: 'ConnectorError', message: expect.stringContaining('client certificate') as string });
  });

  it('accepts any certificate when verification is off, and takes the port as text', async () => {
    const { config, ...rest } = configured(tls({ ...own(), disableSSLVerification: true }));
    // As a rendered template brings it.
    const connection = await mqttProvider().connect({ ...rest, config: { ...config, port: `${ports.tls}` } }, recordingContext());
    open.push(connection);
    await expect(connection.probe()).resolves.toBeUndefined();
  });
});

it('hands over bytes that are no text as they came', async () => {
  const { connection, context } = await connected({}, ['bytes']);
  const body = Buffer.from([0xff, 0, 0xfe]);
  await connection.send?.({ id: 'r:n:0', payload: body, options: { topic: 'bytes' } });
  await expect.poll(() => context.received.length).toBe(1);
  const { attributes, body: received } = context.received[0] as { attributes: Record<string, unknown>; body: Uint8Array };
  expect(mqtt.messageData?.({ attributes, body: received })).toEqual({
    message: body.toString('base64'),
    encoding: 'base64',
    topic: 'bytes',
  });
  expect(mqtt.messageData?.({ attributes, body: Buffer.from('grün') })).toEqual({ message: 'grün', topic: 'bytes' });
});

it('keeps of a message too large to be held its beginning, size and hash, and takes the next', async () => {
  const { connection, context } = await connected({ clean: false, clientId: 'large' }, ['large']);
  const publisher = await other();
  const payload = Buffer.alloc(17 * 1024 * 1024, 'large');
  await publisher.publishAsync('large', payload, { qos: 1 });
  await publisher.publishAsync('large', 'next', { qos: 1 });
  await expect.poll(() => context.received.length, { timeout: 10_000 }).toBe(2);
  const sha256 = createHash('sha256').update(payload).digest('hex');
  expect(context.received.map(({ cut }) => cut)).toEqual([{ bytes: payload.length, sha256 }, undefined]);
  await connection.probe();
  await connection.close({ drain: true });
  const { connection: again, context: second } = await connected({ clean: false, clientId: 'large' }, ['large']);
  await again.probe();
  expect(second.received).toEqual([]); // both were acknowledged
});

it('marks what the broker will not send again', async () => {
  const { context } = await connected({}, ['once']);
  const publisher = await other();
  await publisher.publishAsync('once', 'x', { qos: 0 });
  await expect.poll(() => context.received).toMatchObject([{ droppable: true }]);
});
