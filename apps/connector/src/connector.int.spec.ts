import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IntegrationState, NUMBER_SUBJECT, SendReply, StatusRecord, inboundSubject, newResourceId, sendSubject } from '#lib/contracts';
import { type Bus, connectBus, migrateBus } from '#lib/messaging';
import { createLogger, type RunningService } from '#lib/platform';
import { createMasterKeyFile } from '#lib/secrets';
import { type Mosquitto, startMosquitto } from '../../../test/servers/mosquitto.ts';
import { startTestNats, type TestNats } from '../../../test/servers/nats.ts';
import { startConnector } from './index.ts';

const anId = (): string => newResourceId(Date.now(), (bytes) => crypto.getRandomValues(bytes));

describe('the MQTT connector as a service, with a real broker', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-connector-'));
  let nats: TestNats;
  let bus: Bus;
  let broker: Mosquitto;
  let device: mqtt.MqttClient;
  let integration: IntegrationState;

  beforeAll(async () => {
    [nats, broker] = await Promise.all([startTestNats(), startMosquitto()]);
    await migrateBus({ servers: nats.url, name: 'test' }, { streamBytes: 64 * 1024 * 1024, replicas: 1 });
    bus = await connectBus({ servers: nats.url, name: 'test' });
    bus.serve(NUMBER_SUBJECT, () => Promise.resolve(Buffer.from('{"number":0}')));
    await createMasterKeyFile(join(dir, 'master-key'));
    device = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, { reconnectPeriod: 50 });
    const at = '2026-11-25T02:00:00.000Z';
    integration = {
      id: anId(),
      applicationId: anId(),
      name: 'line 1',
      enabled: true,
      integrationType: 'mqtt',
      topics: ['in/#'],
      config: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: false },
      assignedClientId: 'sluice-test',
      creationDate: at,
      lastUpdated: at,
    };
    const { id, applicationId } = integration;
    await bus.publishConfig(
      {
        kind: 'integration',
        type: 'mqtt',
        applicationId,
        id,
        event: 'IntegrationCreated',
        epoch: 1,
        version: 1,
        eventPosition: 1,
        actor: { type: 'system', id: 'test' },
        time: at,
        state: integration,
      },
      { expected: 0 },
    );
  });
  afterAll(async () => {
    await device.endAsync();
    await bus.close();
    await Promise.all([nats.stop(), broker.stop()]);
    rmSync(dir, { recursive: true });
  });

  const start = (): Promise<RunningService> =>
    startConnector({
      natsUrl: nats.url,
      replicaId: 'r1',
      standalone: true,
      log: createLogger({ service: 'test', level: 'silent' }),
      type: 'mqtt',
      masterKeyFile: join(dir, 'master-key'),
      egressAllow: 'loopback',
    });
  const state = async (): Promise<string | undefined> => {
    const entry = await bus.kv('STATUS').get(`${integration.applicationId}.${integration.id}`);
    return entry === undefined ? undefined : StatusRecord.parse(JSON.parse(Buffer.from(entry.value).toString())).state;
  };
  const stored = async (): Promise<string[]> => {
    const messages = await bus.list('INBOUND', inboundSubject(integration.applicationId, integration.id));
    return messages
      .map((message) => bus.decodeInbound(message))
      .map(({ type, number, body }) => (type === 'message' ? `${number}:${Buffer.from(body).toString()}` : type));
  };

  it('receives, sends, survives its broker, and hands over without losing what the broker kept', async () => {
    const first = await start();
    await expect.poll(() => first.ready().ok).toBe(true);
    await expect.poll(state).toBe('connected');
    await Promise.all(['a', 'b', 'c'].map((body) => device.publishAsync('in/1', body, { qos: 1 })));
    await expect.poll(stored).toEqual(['connect', '1:a', '2:b', '3:c']);

    const heard = new Promise<string>((resolve) => device.once('message', (_, payload) => resolve(payload.toString())));
    await device.subscribeAsync('out');
    const request = { id: 'r:n:1', options: { topic: 'out' }, payload: 'hello', encoding: 'utf8', time: new Date().toISOString() };
    const subject = sendSubject('mqtt', integration.applicationId, integration.id);
    const answer = await bus.request(subject, Buffer.from(JSON.stringify(request)), 5_000);
    expect(SendReply.parse(JSON.parse(Buffer.from(answer).toString()))).toMatchObject({ verdict: 'succeeded' });
    expect(await heard).toBe('hello');

    await broker.kill();
    await expect.poll(state).toBe('disconnected');
    await broker.start();
    await expect.poll(state, { timeout: 20_000 }).toBe('connected');
    await expect.poll(() => device.connected).toBe(true);
    await device.publishAsync('in/1', 'd', { qos: 1 });
    await expect.poll(stored).toEqual(['connect', '1:a', '2:b', '3:c', 'disconnect', 'connect', '4:d']);

    await first.stop();
    await device.publishAsync('in/1', 'e', { qos: 1 });
    const second = await start();
    await expect.poll(async () => (await stored()).slice(-3)).toEqual(expect.arrayContaining(['5:e']));
    await second.stop();
    expect(await state()).toBe('disconnected');
  });
});
