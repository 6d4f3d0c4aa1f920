import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { Product } from '../product/product.ts';
import { keyFiles } from '../providers/google-pubsub.ts';
import { startGooglePubSub } from '../servers/google-pubsub.ts';
import { SQS_KEY, startSqs } from '../servers/sqs.ts';
import type { Order } from './bare-client.ts';
import { median } from './load.ts';
import type { Row } from './table.ts';

const ROUNDS = 5;
const WARM_UP = 1_000;
const WITHIN_MS = 60_000;
const TICK_MS = 10;
const BODY = JSON.stringify({ sensor: 'a1', temperature: 21.5, note: 'x'.repeat(150) });

type Receiver = 'sluice' | 'bare';

/** A server, in this process, with a queue for each receiver. */
interface Source {
  readonly title: string;
  readonly count: number;
  /** Of the product. */
  readonly env: Record<string, string>;
  readonly integration: Record<string, unknown>;
  order(count: number): Order;
  fill(receiver: Receiver, count: number): Promise<void>;
  /** Messages of a receiver given out, and acknowledged, since it was filled. */
  progress(receiver: Receiver): { given: number; acknowledged: number };
  stop(): Promise<void>;
}

async function sqsSource(): Promise<Source> {
  const server = await startSqs();
  const urls = { sluice: await server.createQueue('sluice'), bare: await server.createQueue('bare') };
  const { region, accessKeyId, secretAccessKey } = SQS_KEY;
  return {
    title: 'SQS',
    count: 4_000,
    env: {},
    integration: { integrationType: 'sqs', sqsConfig: { queueUrl: urls.sluice, region, accessKeyId, secretAccessKey } },
    order: (count) => ({ kind: 'sqs', queueUrl: urls.bare, region, accessKeyId, secretAccessKey, count }),
    fill: async (receiver, count) => {
      server.calls.length = 0;
      await server.put(
        receiver,
        Array.from({ length: count }, () => BODY),
      );
    },
    progress: (receiver) => {
      let [given, acknowledged] = [0, 0];
      for (const { action, body } of server.calls) {
        if (body['QueueUrl'] !== urls[receiver]) continue;
        if (action === 'ReceiveMessage') given += 1;
        // With the deletion of nothing by which an integration asks whether it may.
        if (action === 'DeleteMessageBatch') acknowledged += (body['Entries'] as unknown[]).length;
      }
      return { given, acknowledged };
    },
    stop: () => server.stop(),
  };
}

async function pubSubSource(): Promise<Source> {
  const server = await startGooglePubSub();
  const topics = { sluice: 'projects/p/topics/sluice', bare: 'projects/p/topics/bare' };
  for (const topic of Object.values(topics)) server.createTopic(topic);
  const subscription = 'projects/p/subscriptions/bare';
  server.subscribe(subscription, topics.bare);
  const keyJson = keyFiles().keyJson('first');
  let filled = 0;
  const subscribed = (receiver: Receiver) => [...server.subscriptions.values()].find(({ topic }) => topic === topics[receiver]);
  return {
    title: 'Google Pub/Sub',
    count: 20_000,
    env: { PUBSUB_EMULATOR_HOST: `127.0.0.1:${server.port}` },
    integration: { integrationType: 'googlePubSub', topics: ['sluice'], googlePubSubConfig: { keyJson } },
    order: (count) => ({ kind: 'googlePubSub', port: server.port, projectId: 'p', subscription, count }),
    fill: (receiver, count) => {
      filled = count;
      server.publish(topics[receiver], ...Array.from({ length: count }, () => ({ data: Buffer.from(BODY) })));
      return Promise.resolve();
    },
    progress: (receiver) => {
      const { waiting, outstanding } = subscribed(receiver) ?? { waiting: { length: filled }, outstanding: { size: 0 } };
      return { given: filled - waiting.length, acknowledged: filled - waiting.length - outstanding.size };
    },
    stop: () => server.stop(),
  };
}

/** Seconds from the first message given out to the last acknowledged, as the server sees it. */
async function timed(source: Source, receiver: Receiver, count: number): Promise<number> {
  const deadline = performance.now() + WITHIN_MS;
  let begun: number | undefined;
  for (;;) {
    const { given, acknowledged } = source.progress(receiver);
    const now = performance.now();
    if (given > 0) begun ??= now;
    if (begun !== undefined && acknowledged >= count) return (now - begun) / 1_000;
    if (now > deadline) throw new Error(`${receiver} acknowledged ${acknowledged} of ${count} ${source.title} messages`);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

type Receive = (count: number) => Promise<number>;

/** The product with one integration, which is off while its queue is filled. */
async function sluice(product: Product, source: Source): Promise<Receive> {
  const { id } = await product.call<{ id: string }>('POST', '/applications', { name: 'Rate', limits: { messagesPerSecond: 0, burst: 0 } });
  const base = `/applications/${id}/integrations`;
  const integration = await product.call<{ id: string }>('POST', base, { name: 'In', ...source.integration });
  const until = async (state: string): Promise<void> => {
    for (const deadline = performance.now() + WITHIN_MS; ;) {
      const { status } = await product.call<{ status?: { state?: string } }>('GET', `${base}/${integration.id}`);
      if (status?.state === state) return;
      if (performance.now() > deadline) throw new Error(`the integration is ${status?.state} instead of ${state}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await until('connected');
  return async (count) => {
    await product.call('PATCH', `${base}/${integration.id}`, { enabled: false });
    await until('disabled');
    await source.fill('sluice', count);
    await product.call('PATCH', `${base}/${integration.id}`, { enabled: true });
    return await timed(source, 'sluice', count);
  };
}

const bare =
  (client: ChildProcess, source: Source): Receive =>
  async (count) => {
    await source.fill('bare', count);
    const done = new Promise<void>((resolve, reject) => {
      client.once('message', () => resolve());
      client.once('exit', (code) => reject(new Error(`the bare client ended with ${code}`)));
    });
    client.send(source.order(count));
    const seconds = await timed(source, 'bare', count);
    await done;
    client.removeAllListeners('exit');
    return seconds;
  };

async function rates(source: Source): Promise<Row> {
  const product = await Product.start(source.env);
  const client = fork(join(import.meta.dirname, 'bare-client.ts'));
  const { title, count } = source;
  try {
    const receivers: Record<Receiver, Receive> = { sluice: await sluice(product, source), bare: bare(client, source) };
    const perSecond: Record<Receiver, number[]> = { sluice: [], bare: [] };
    for (const receive of Object.values(receivers)) await receive(WARM_UP);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const receiver of ['sluice', 'bare'] as const) perSecond[receiver].push(count / (await receivers[receiver](count)));
      const [ours, theirs] = [perSecond.sluice.at(-1) ?? 0, perSecond.bare.at(-1) ?? 0];
      process.stdout.write(
        `  round ${round} of ${ROUNDS}: ${title}: Sluice ${ours.toFixed(0)} msg/s, bare client ${theirs.toFixed(0)} msg/s\n`,
      );
    }
    const ratio = median(perSecond.sluice.map((ours, round) => ours / (perSecond.bare[round] ?? ours)));
    return {
      what: `${title} received, stored and acknowledged, throttle lifted`,
      figure: `${median(perSecond.sluice).toFixed(0)} msg/s; a bare client's loop ${median(perSecond.bare).toFixed(0)} msg/s`,
      target: `${ratio.toFixed(2)} × the bare client (≥ 0.7)`,
      holds: ratio >= 0.7,
      numbers: { sluice: perSecond.sluice, bare: perSecond.bare, ratio },
    };
  } finally {
    client.kill();
    await product.stop();
  }
}

/** From a full queue to the last acknowledgement: Sluice, which stores each message first, beside the provider's client that only acknowledges. */
export async function receive(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const start of [sqsSource, pubSubSource]) {
    const source = await start();
    try {
      rows.push(await rates(source));
    } finally {
      await source.stop();
    }
  }
  return rows;
}
