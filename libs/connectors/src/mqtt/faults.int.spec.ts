import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Connection, ConnectionConfig } from '#lib/connector-sdk';
import { type RecordingContext, recordingContext } from '../../../../test/servers/connection-context.ts';
import { type FaultProxy, startFaultProxy } from '../../../../test/servers/fault-proxy.ts';
import { type Mosquitto, startMosquitto } from '../../../../test/servers/mosquitto.ts';
import { MqttConfig } from './config.ts';
import { mqttProvider } from './provider.ts';

// What a real broker and a bad network do to a link.

const KEEP_ALIVE_S = 1;
let broker: Mosquitto;
let proxy: FaultProxy;
let publisher: MqttClient;
const open: Connection[] = [];

beforeAll(async () => {
  broker = await startMosquitto();
  proxy = await startFaultProxy({ port: broker.port });
  publisher = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { reconnectPeriod: 20 });
});
afterEach(async () => {
  proxy.mode({ kind: 'pass' });
  await Promise.all(open.splice(0).map((connection) => connection.close({ drain: false })));
});
afterAll(async () => {
  await publisher.endAsync(true);
  await proxy.stop();
  await broker.stop();
});

const provider = mqttProvider({ keepAliveS: KEEP_ALIVE_S });

const configured = (clientId: string, topics: string[], more: Partial<MqttConfig> = {}): ConnectionConfig<MqttConfig> => ({
  integrationId: 'i',
  applicationId: 'a',
  topics,
  config: MqttConfig.parse({ protocol: 'mqtt', host: '127.0.0.1', port: proxy.port, clientId, clean: false, ...more }),
  assignedClientId: 'unused',
});

async function connected(
  config: ConnectionConfig<MqttConfig>,
  context = recordingContext(),
): Promise<{ connection: Connection; context: RecordingContext }> {
  const connection = await provider.connect(config, context);
  open.push(connection);
  return { connection, context };
}

const text = (context: RecordingContext): string[] => context.received.map(({ body }) => Buffer.from(body).toString());

async function publish(topic: string, messages: readonly string[]): Promise<void> {
  await Promise.all(messages.map(async (message) => await publisher.publishAsync(topic, message, { qos: 1 })));
}

/** Pings are two bytes each; nothing else of ours goes up while messages are held. */
async function pings(count: number): Promise<void> {
  const from = proxy.bytes.up;
  await expect.poll(() => proxy.bytes.up - from, { timeout: 20_000 }).toBeGreaterThanOrEqual(2 * count);
}

it('stops reading while held, keeps the link alive all the same, and then delivers everything in order', async () => {
  const context = recordingContext();
  await connected(configured('held', ['held']), context);
  context.hold(true);
  const from = proxy.bytes.down;
  const messages = Array.from({ length: 200 }, (_, index) => `${index}:${'x'.repeat(100_000)}`);
  await publish('held', messages);
  await pings(8); // four seconds: far beyond 1.5 × the keep-alive, after which the broker gives a silent client up
  expect(context.losses).toEqual([]);
  expect(context.received).toEqual([]);
  // Of 20 MB: what is read and kept (4 MB), and what the sockets on the way hold.
  expect(proxy.bytes.down - from).toBeLessThan(16_000_000);
  context.hold(false);
  await expect
    .poll(() => text(context).map((message) => parseInt(message)), { timeout: 20_000 })
    .toEqual(messages.map((_, index) => index));
  expect(context.losses).toEqual([]);
});

it('hears the acknowledgement of a send behind messages that are held', async () => {
  const context = recordingContext();
  const { connection } = await connected(configured('behind', ['behind']), context);
  context.hold(true);
  await publish(
    'behind',
    Array.from({ length: 500 }, (_, index) => `${index}`),
  );
  expect(await connection.send?.({ id: 'r:n:0', payload: Buffer.from('out'), options: { topic: 'elsewhere', qos: 1 } })).toEqual({
    verdict: 'succeeded',
  });
  expect(context.received).toEqual([]);
});

it('is sent again, marked as a redelivery, what was not acknowledged when the link broke', async () => {
  const first = recordingContext();
  first.storing = 'by hand';
  const { connection } = await connected(configured('broken', ['broken']), first);
  await publish('broken', ['1', '2', '3', '4']);
  await expect.poll(() => first.received.length).toBe(4);
  first.received[0]?.store();
  first.received[1]?.store();
  await connection.probe();
  proxy.drop();
  await expect.poll(() => first.losses).toMatchObject([{ code: 'lost' }]);
  first.received[2]?.store(); // too late: it comes twice
  await publish('broken', ['5']);
  const { context: second } = await connected(configured('broken', ['broken']));
  await expect
    .poll(() => second.received.map(({ body, redelivered }) => [Buffer.from(body).toString(), redelivered]))
    .toEqual([
      ['3', true],
      ['4', true],
      ['5', false],
    ]);
});

it('acknowledges nothing after a message that could not be stored, and ends the link', async () => {
  const first = recordingContext();
  first.storing = 'by hand';
  await connected(configured('refused', ['refused']), first);
  await publish('refused', ['1', '2', '3']);
  await expect.poll(() => first.received.length).toBe(3);
  first.received[0]?.store();
  first.received[2]?.store();
  first.received[1]?.fail(new Error('no'));
  await expect.poll(() => first.losses).toMatchObject([{ code: 'lost' }]);
  const { context: second } = await connected(configured('refused', ['refused']));
  await expect.poll(() => text(second).slice(-2)).toEqual(['2', '3']);
});

it('keeps its session through a broker stopped and started again', async () => {
  const { context: first } = await connected(configured('kept', ['kept']));
  await broker.kill('SIGTERM');
  await expect.poll(() => first.losses).toMatchObject([{ code: 'lost' }]);
  await expect(provider.connect(configured('kept', ['kept']), recordingContext())).rejects.toMatchObject({ code: 'lost' });
  await broker.start();
  await expect.poll(() => publisher.connected).toBe(true);
  await publish('kept', ['1', '2']);
  const { context: second } = await connected(configured('kept', ['kept']));
  await expect.poll(() => text(second)).toEqual(['1', '2']);
});

it('gets no answer to a probe through a black hole, and can be closed there', async () => {
  const { connection, context } = await connected(configured('hole', ['hole']));
  proxy.mode({ kind: 'stall' });
  let answered = false;
  const probe = connection.probe().then(
    () => (answered = true),
    (error: unknown) => error,
  );
  const other = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { reconnectPeriod: 0 });
  await other.endAsync();
  expect(answered).toBe(false);
  await connection.close({ drain: true });
  expect(await probe).toMatchObject({ code: 'lost' });
  expect(context.losses).toEqual([]); // we ended it
});

it('gives an attempt up when asked, wherever it hangs', async () => {
  for (const protocol of ['mqtt', 'mqtts', 'ws', 'wss'] as const) {
    proxy.mode({ kind: 'stall' });
    const context = recordingContext();
    const accepted = proxy.accepted;
    const attempt = provider.connect(configured('hung', [], { protocol }), context);
    const failed = attempt.catch((error: unknown) => error);
    await expect.poll(() => proxy.accepted).toBe(accepted + 1);
    context.controller.abort();
    expect(await failed).toMatchObject({ code: 'lost', message: expect.stringContaining('given up') as string });
    proxy.mode({ kind: 'pass' });
    await expect.poll(() => proxy.open).toBe(0);
  }
});

it('tells a port that speaks something else', async () => {
  await expect(provider.connect(configured('odd', [], { protocol: 'mqtts' }), recordingContext())).rejects.toMatchObject({
    name: 'ConnectorError',
  });
  await expect(provider.connect(configured('odd', [], { protocol: 'ws' }), recordingContext())).rejects.toMatchObject({
    name: 'ConnectorError',
  });
});

it('leaves no session where none was kept', async () => {
  const accepted = proxy.accepted;
  await provider.dispose?.(configured('clean', [], { clean: true }), recordingContext());
  expect(proxy.accepted).toBe(accepted);
});
