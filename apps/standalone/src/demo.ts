import { createServer, type Server as TcpServer } from 'node:net';
import { Aedes } from 'aedes';
import type { DataFolder } from './data-folder.ts';

/**
 * The demo: a broker in this process that publishes a reading each second, an integration that subscribes to it, and a workflow that converts
 * the reading and publishes it back. It is seeded through the HTTP API like anybody's, once, at the first start.
 */
export interface Demo {
  readonly applicationId: string;
  readonly port: number;
  stop(): Promise<void>;
}

interface Seed {
  readonly applicationId: string;
  readonly integrationId: string;
  readonly port: number;
}

/** Preferred port of the demo's broker; another free one is taken, and kept, when it is in use. */
const BROKER_PORT = 18_830;
const READING_TOPIC = 'demo/celsius';
export const ANSWER_TOPIC = 'demo/fahrenheit';

/** Calls the product's own HTTP API. */
export type Api = (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>>;

/** Starts the broker and seeds the demo if it isn't there yet. */
export async function startDemo(folder: DataFolder, api: Api): Promise<Demo> {
  const seed = folder.readJson('demo.json') as Seed | undefined;
  const broker = await startBroker(seed?.port ?? BROKER_PORT);
  const kept = await seedOrMove(folder, api, seed, broker.port);
  const readings = setInterval(() => broker.publish(READING_TOPIC, reading(Date.now())), 1_000);
  return {
    applicationId: kept.applicationId,
    port: broker.port,
    stop: async () => {
      clearInterval(readings);
      await broker.stop();
    },
  };
}

/** A room's temperature over a made-up day of ten minutes, in °C with one decimal. */
const reading = (nowMs: number): string => (20 + 4 * Math.sin((nowMs / 600_000) * 2 * Math.PI)).toFixed(1);

async function seedOrMove(folder: DataFolder, api: Api, seed: Seed | undefined, port: number): Promise<Seed> {
  if (seed === undefined) {
    const made = await seedDemo(api, port);
    folder.write('demo.json', `${JSON.stringify(made, null, 2)}\n`);
    return made;
  }
  if (seed.port === port) return seed;
  const moved = { ...seed, port };
  await api('PATCH', `/applications/${seed.applicationId}/integrations/${seed.integrationId}`, { mqttConfig: brokerConfig(port) });
  folder.write('demo.json', `${JSON.stringify(moved, null, 2)}\n`);
  return moved;
}

const brokerConfig = (port: number): Record<string, unknown> => ({ protocol: 'mqtt', host: '127.0.0.1', port, clean: false });

async function seedDemo(api: Api, port: number): Promise<Seed> {
  const application = await api('POST', '/applications', {
    name: 'Demo',
    description: 'Readings of a made-up room, converted and sent back.',
  });
  const applicationId = String(application['id']);
  const integration = await api('POST', `/applications/${applicationId}/integrations`, {
    name: 'Demo broker',
    integrationType: 'mqtt',
    topics: [READING_TOPIC],
    mqttConfig: brokerConfig(port),
  });
  const integrationId = String(integration['id']);
  await api('POST', `/applications/${applicationId}/flows`, {
    name: 'Celsius to Fahrenheit',
    triggers: [
      {
        type: 'integration',
        key: integrationId,
        config: { message: true },
        meta: { category: 'trigger', name: 'mqtt', label: 'Reading' },
        outputIds: [['convert']],
      },
    ],
    nodes: [
      {
        id: 'convert',
        type: 'MutateNode',
        config: {
          rules: [
            {
              type: 'set',
              valueTemplate: '{{add (multiply data.message 1.8) 32}}',
              valueTemplateType: 'json',
              destination: 'working.fahrenheit',
            },
          ],
        },
        meta: { category: 'logic', name: 'mutate', label: 'Convert' },
        outputIds: [['answer']],
      },
      {
        id: 'answer',
        type: 'MqttMessageNode',
        config: {
          integrationId,
          topicTemplate: ANSWER_TOPIC,
          messageTemplate: '{"celsius": {{data.message}}, "fahrenheit": {{format working.fahrenheit ".1f"}}}',
        },
        meta: { category: 'output', name: 'mqtt', label: 'Answer' },
        outputIds: [[]],
      },
    ],
  });
  return { applicationId, integrationId, port };
}

interface Broker {
  readonly port: number;
  publish(topic: string, payload: string): void;
  stop(): Promise<void>;
}

async function startBroker(preferredPort: number): Promise<Broker> {
  const aedes = await Aedes.createBroker();
  const server = createServer((socket) => aedes.handle(socket));
  const port = await listen(server, preferredPort).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return await listen(server, 0);
  });
  return {
    port,
    publish: (topic, payload) =>
      aedes.publish({ cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false }, () => undefined),
    stop: async () => {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function listen(server: TcpServer, port: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : port);
    });
  });
}
