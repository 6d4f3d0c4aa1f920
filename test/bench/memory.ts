import type { IntegrationType } from '../../libs/contracts/src/index.ts';
import { ConnectorProcess } from '../product/connector-process.ts';
import { Product } from '../product/product.ts';
import { proportionalMb } from './processes.ts';
import type { Row } from './table.ts';

const INTEGRATIONS = 1_000;
/** A process gives memory back once it was quiet for 10 s, which it looks at every 10 s: idle is after that, ms. */
const IDLE_MS = 30_000;

const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The whole product with its demo off: node, nats-server, PostgreSQL. */
export async function idleProduct(): Promise<Row[]> {
  const product = await Product.start();
  try {
    await settle(10_000);
    const megabytes = proportionalMb(product.pid);
    return [
      {
        what: 'the whole product idle (node, nats-server, PostgreSQL), 10 s after its start',
        figure: `${megabytes.toFixed(0)} MB resident`,
        target: '≤ 400 MB',
        holds: megabytes <= 400,
        numbers: { megabytes },
      },
    ];
  } finally {
    await product.stop();
  }
}

/** Idle MQTT integrations, each its own connection: what one costs in memory, and how long all take to connect after a restart. */
export async function idleIntegrations(port: number): Promise<Row[]> {
  const product = await Product.start();
  try {
    const application = await product.call<{ id: string }>('POST', '/applications', { name: 'Idle' });
    const base = `/applications/${application.id}`;
    const create = (index: number): Promise<unknown> =>
      product.call('POST', `${base}/integrations`, {
        name: `Idle ${index}`,
        integrationType: 'mqtt',
        topics: [`idle/${index}`],
        mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port },
      });
    const before = await afterRestart(product, base, 0);
    for (let index = 0; index < INTEGRATIONS; index += 20)
      await Promise.all(Array.from({ length: 20 }, (_, offset) => create(index + offset)));
    const after = await afterRestart(product, base, INTEGRATIONS);
    const kilobytes = ((after.megabytes - before.megabytes) * 1_024) / INTEGRATIONS;
    return [
      {
        what: `${INTEGRATIONS} idle MQTT integrations, plain`,
        figure: `${kilobytes.toFixed(0)} KB resident each, all connected ${after.seconds.toFixed(1)} s after the start of the process`,
        target: '≤ 50 KB each (the goal for 5,000)',
        holds: kilobytes <= 50,
        numbers: { kilobytes, seconds: after.seconds },
      },
    ];
  } finally {
    await product.stop();
  }
}

/** Integrations of each type, what one may cost, KB, and what they have in common where that counts. */
const ALONE: readonly (readonly [type: IntegrationType, count: number, kilobytes: number | undefined, alike?: string])[] = [
  ['mqtt', 1_000, 50],
  ['websocket', 1_000, 30],
  ['particle', 1_000, 30],
  ['googlePubSub', 200, 150, 'all of one application with one key, so on shared connections'],
  ['azureEventHub', 200, 150],
  ['sqs', 200, undefined],
];

/** Idle integrations in a connector process of their own: what one costs beside the first, which loads the client. */
export async function idleConnectors(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [type, count, most, alike] of ALONE) {
    const connector = await ConnectorProcess.prepare(type);
    try {
      const [first, all] = [await idle(connector, 1), await idle(connector, count)];
      const kilobytes = ((all - first) * 1_024) / (count - 1);
      rows.push({
        what: `${count} idle ${type} integrations in a connector process of their own${alike === undefined ? '' : `, ${alike}`}`,
        figure: `${kilobytes.toFixed(0)} KB resident each, beside ${first.toFixed(0)} MB with one`,
        ...(most === undefined ? {} : { target: `≤ ${most} KB each`, holds: kilobytes <= most }),
        numbers: { kilobytes, first, all },
      });
    } finally {
      await connector.stop();
    }
  }
  return rows;
}

/** Anonymous memory, MB, of a fresh process with so many integrations connected, and idle. */
async function idle(connector: ConnectorProcess, count: number): Promise<number> {
  await connector.create(count);
  await connector.start();
  await settle(IDLE_MS);
  const megabytes = proportionalMb(connector.pid, 'anonymous');
  await connector.end();
  return megabytes;
}

async function afterRestart(product: Product, base: string, count: number): Promise<{ megabytes: number; seconds: number }> {
  await product.terminate();
  const begun = performance.now();
  await product.launch();
  for (let connected = -1; connected < count;) {
    if (performance.now() - begun > 120_000) throw new Error(`${connected} of ${count} integrations connected within 2 minutes`);
    const list = await product.call<{ items: { status?: { state?: string } }[] }>('GET', `${base}/integrations?perPage=1000`);
    connected = list.items.filter((item) => item.status?.state === 'connected').length;
    if (connected < count) await settle(100);
  }
  const seconds = (performance.now() - begun) / 1_000;
  await settle(IDLE_MS);
  return { megabytes: proportionalMb(product.pid, 'anonymous'), seconds };
}
