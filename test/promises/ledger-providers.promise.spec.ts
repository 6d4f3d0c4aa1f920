import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionOf } from '#lib/connectors';
import { inboundFilter, partitionOf } from '#lib/contracts';
import { type Bus, connectBus } from '#lib/messaging';
import type { LedgerAnswer } from '../product/echo.ts';
import { Product } from '../product/product.ts';
import { type Relay, provideRelay } from '../product/relay.ts';
import type { Driver, ProviderServer } from '../providers/driver.ts';
import { drivers } from '../providers/index.ts';
import { mqtt } from '../providers/mqtt.ts';
import { LONG, recordFigure } from './figures.ts';

const COUNT = LONG ? 20_000 : 600;
const KILLS = LONG ? 52 : 4;
const SENT_AGAIN = 20;
const SKIPPED = process.env['SLUICE_NO_MOSQUITTO'] === '1';
const UNTHROTTLED = { messagesPerSecond: 0, burst: 0 };

/** Each message has an id of its provider: a second trigger would be one too many. */
const withIds = drivers.filter(({ type }) => definitionOf(type).capabilities.providerIds);
const servers = new Map<Driver, ProviderServer>();
/** Where all of it goes: a type whose outputs wait until it is connected, so that each run is seen from outside. */
let broker: ProviderServer;
let product: Product;
beforeAll(async () => {
  if (SKIPPED) return;
  broker = await mqtt.start();
  for (const driver of withIds) servers.set(driver, await driver.start());
  product = await Product.start(Object.assign({}, ...[...servers.values()].map(({ settings }) => settings)) as Record<string, string>);
}, 120_000);
afterAll(async () => {
  if (SKIPPED) return;
  await product.stop();
  await Promise.all([broker, ...servers.values()].map((server) => server.stop()));
});

const provideRelays = (): Promise<[Driver, Relay][]> =>
  Promise.all(
    [...servers].map(async ([driver, server]) => [
      driver,
      await provideRelay(product, driver, server, UNTHROTTLED, { driver: mqtt, server: broker }),
    ]),
  );

async function killServer(name: 'nats-server' | 'PostgreSQL'): Promise<void> {
  const pid = product.serverPid(name);
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => product.serverPid(name), { timeout: 60_000, interval: 20 }).not.toBe(pid);
  await product.untilReady();
}
/** What is killed with SIGKILL, in turn. The product's process holds connectors, dispatch, runner, config and gateway. */
const VICTIMS = [
  async (): Promise<void> => {
    await product.kill();
    await product.launch();
  },
  () => killServer('nats-server'),
  () => killServer('PostgreSQL'),
  async (): Promise<void> => {
    await product.crash();
    await product.launch();
  },
];

const answered = ({ outlet }: Relay): number => new Set(outlet.sent()).size;
const texts = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `m${from + index}`);

/** What a ledger says once all that was sent has gone its way, each message once. */
const done = (count: number): object => ({
  received: count,
  dispatched: count,
  inFlight: 0,
  unexplained: 0,
  runs: { triggered: count, inFlight: 0, failed: 0, deadLettered: 0 },
});

function record({ type }: Driver, relay: Relay, ledger: LedgerAnswer): void {
  const { title } = definitionOf(type);
  const lost = COUNT - answered(relay);
  const second = ledger.runs.triggered - COUNT;
  const sent = relay.outlet.sent().length;
  const what = `${title}: ${COUNT} messages through ${KILLS} × SIGKILL of the product, nats-server, PostgreSQL and all three at once`;
  recordFigure({ promise: 1, what, figure: `${lost} lost`, holds: lost === 0 });
  recordFigure({
    promise: 2,
    what,
    figure: `${second} second triggers; ${ledger.beside.redelivered} known redeliveries, ${ledger.beside.restarted} runs interrupted, ${sent - answered(relay)} of their outputs sent again`,
    holds: second === 0,
  });
  recordFigure({
    promise: 4,
    what: `${title}: the ledger after that`,
    figure: `received ${ledger.received} = dispatched ${ledger.dispatched}, unexplained ${ledger.unexplained}; triggered ${ledger.runs.triggered} = succeeded ${ledger.runs.succeeded} + failed ${ledger.runs.failed}`,
    holds: ledger.unexplained === 0 && ledger.received === ledger.dispatched,
  });
}

describe.skipIf(SKIPPED)('promises 1, 2 and 4, where messages have ids of their provider', () => {
  it('loses none and triggers none twice through kills of every process', { timeout: LONG ? 3_000_000 : 300_000 }, async () => {
    const relays = await provideRelays();
    const slice = Math.ceil(COUNT / KILLS);
    for (let kill = 0; kill < KILLS; kill++) {
      const [from, to] = [kill * slice, Math.min(COUNT, (kill + 1) * slice)];
      await Promise.all(relays.map(([, { source }]) => source.publish(texts(from, to))));
      // In the middle of it: of one provider some of this slice went through, most did not; with another it is still on its way.
      const some = from + Math.ceil((to - from) / 20);
      const begun = (): boolean => relays.some(([, relay]) => answered(relay) > some);
      await expect.poll(begun, { timeout: 120_000, interval: 5 }).toBe(true);
      await VICTIMS[kill % VICTIMS.length]?.();
      for (const [, { source }] of relays) await source.redeliver?.();
    }
    for (const [driver, relay] of relays) {
      const within = { message: driver.type, timeout: 120_000, interval: 100 };
      await expect.poll(() => answered(relay), within).toBe(COUNT);
      await expect.poll(() => relay.ledger(), within).toMatchObject(done(COUNT));
      const ledger = await relay.ledger();
      record(driver, relay, ledger);
      // An output is sent twice by an interrupted run alone.
      expect(relay.outlet.sent().length - COUNT).toBeLessThanOrEqual(ledger.beside.restarted);
    }
  });

  it('knows what is sent again after everything has died, and the bus with it that knew the ids', { timeout: 300_000 }, async () => {
    const relays = await provideRelays();
    const bus = await connectBus({ servers: product.natsUrl, name: 'test' });
    const checkpoints = await bus.kv('CHECKPOINTS').entries('');
    for (const server of servers.values()) server.deafen?.();
    for (const [, { source }] of relays) await source.publish(texts(0, SENT_AGAIN));
    for (const [, relay] of relays) await expect.poll(() => relay.ledger(), { timeout: 60_000 }).toMatchObject(done(SENT_AGAIN));
    for (const [, { application }] of relays) await expect.poll(() => stored(bus, application), { timeout: 30_000 }).toBe(0);
    // Event Hubs is told nothing: there it is the place to read on from that was not written in time.
    for (const { key, value } of checkpoints) await bus.kv('CHECKPOINTS').put(key, value);
    await bus.close();
    await product.crash();
    for (const server of servers.values()) await server.restore();
    await product.launch();
    for (const [, { source }] of relays) await source.redeliver?.();
    for (const [, relay] of relays) {
      await expect.poll(async () => (await relay.ledger()).beside.redelivered, { timeout: 60_000 }).toBe(SENT_AGAIN);
      expect(await relay.ledger()).toMatchObject(done(SENT_AGAIN));
      expect(relay.outlet.sent()).toHaveLength(SENT_AGAIN);
    }
  });
});

/** Messages of an application that the bus has. */
const stored = async (bus: Bus, path: string): Promise<number> =>
  (await bus.list('INBOUND', inboundFilter(partitionOf(path.replace('/applications/', ''))))).length;
