import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection, Provider } from '#lib/connector-sdk';
import { type RecordingContext, recordingContext } from '../../../../test/servers/connection-context.ts';
import { EVENT_HUBS_KEY, type EventHubsServer, startEventHubs } from '../../../../test/servers/event-hubs.ts';
import type { ResolvedAzureEventHubConfig } from './config.ts';
import { azureEventHubProvider } from './provider.ts';

let server: EventHubsServer;
const open: Connection[] = [];
let hubs = 0;
const GROUPS = Array.from({ length: 21 }, (_, index) => `g${index}`);
const OTHER_KEY = { ...EVENT_HUBS_KEY, name: 'other' };

beforeAll(async () => {
  server = await startEventHubs();
  server.setKeys([EVENT_HUBS_KEY, OTHER_KEY]);
});
afterEach(async () => {
  server.proxy.mode({ kind: 'pass' });
  await Promise.all(open.splice(0).map((connection) => connection.close({ drain: false })));
});
afterAll(() => server.stop());

interface Reader {
  readonly connection: Connection;
  readonly context: RecordingContext;
}
interface Options {
  readonly group?: string;
  readonly applicationId?: string;
  readonly keyName?: string;
  readonly context?: RecordingContext;
}

/** A hub, and what connects integrations to it, all in one process. */
function onHub(): { hub: string; connected: (options?: Options) => Promise<Reader>; groups: () => string[] } {
  const hub = `shared-${++hubs}`;
  server.createHub(hub, { partitions: 1, groups: GROUPS });
  const provider: Provider<ResolvedAzureEventHubConfig> = azureEventHubProvider({ pace: { attachMs: 0 } });
  const connected = async ({ group = 'g0', applicationId = 'a', keyName, context = recordingContext() }: Options = {}): Promise<Reader> => {
    const connectionString = server.connectionString(keyName === undefined ? {} : { keyName });
    const config = { hubName: hub, consumerGroup: group, connectionString };
    const connection = await provider.connect({ integrationId: group, applicationId, topics: [], config, assignedClientId: 'c' }, context);
    open.push(connection);
    return { connection, context };
  };
  return { hub, connected, groups: () => server.readers(hub).map(({ group }) => group) };
}

const texts = ({ context }: Reader): string[] => context.received.map(({ body }) => Buffer.from(body).toString());
const dials = (...readers: Reader[]): number => readers.flatMap(({ context }) => context.dialled).length;
const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`);

describe('a connection', () => {
  it('is shared by integrations of one application that read a hub with one key; what one is told proves it to all', async () => {
    const { hub, connected } = onHub();
    const [a, b] = await Promise.all([connected(), connected({ group: 'g1' })]);
    expect(dials(a, b)).toBe(1);
    server.append(hub, ['x']);
    await expect.poll(() => [texts(a), texts(b)]).toEqual([['x'], ['x']]);
    const [before, proofs] = [server.asked.get('hub') ?? 0, b.context.proofs.filter((proof) => proof === 'hub').length];
    await Promise.all([a.connection.probe(), a.connection.probe()]);
    expect(server.asked.get('hub')).toBe(before + 1);
    expect(b.context.proofs.filter((proof) => proof === 'hub')).toHaveLength(proofs + 1);
  });

  it('is shared with no other application, nor by another key', async () => {
    const { connected } = onHub();
    const readers = [
      await connected(),
      await connected({ group: 'g1', applicationId: 'b' }),
      await connected({ group: 'g2', keyName: OTHER_KEY.name }),
    ];
    expect(readers.map((reader) => dials(reader))).toEqual([1, 1, 1]);
  });

  it('has 20 users at the most', async () => {
    const { connected } = onHub();
    const readers = await Promise.all(GROUPS.map(async (group) => await connected({ group })));
    expect(dials(...readers)).toBe(2);
  });

  it.each([true, false])('is left by one without the others noticing (in order: %s), and closed by the last', async (drain) => {
    const { hub, connected, groups } = onHub();
    const [a, b] = await Promise.all([connected(), connected({ group: 'g1' })]);
    await expect.poll(() => groups().toSorted()).toEqual(['g0', 'g1']);
    const [reader] = server.readers(hub);
    // Some are under way to it meanwhile.
    server.append(hub, numbers(50));
    await expect.poll(() => texts(a).length).toBeGreaterThan(0);
    const closed = a.connection.close({ drain });
    server.append(hub, ['x']);
    await closed;
    await expect.poll(groups).toEqual(['g1']);
    await expect.poll(() => texts(b)).toEqual([...numbers(50), 'x']);
    expect(b.context.losses).toEqual([]);
    expect(reader?.connection.is_open()).toBe(true);
    await b.connection.close({ drain });
    await expect.poll(() => reader?.connection.is_open()).toBe(false);
  });

  it('is lost to all at once', async () => {
    const { connected } = onHub();
    const readers = await Promise.all([connected(), connected({ group: 'g1' })]);
    server.proxy.drop();
    for (const { context } of readers)
      await expect.poll(() => context.losses).toMatchObject([{ code: 'lost', message: 'Connection Lost' }]);
    const again = await Promise.all([connected(), connected({ group: 'g1' })]);
    expect(dials(...again)).toBe(1);
  });

  it('is dialled anew by whoever gave it up, though others still use it', async () => {
    const { connected } = onHub();
    const [a, b] = await Promise.all([connected(), connected({ group: 'g1' })]);
    server.proxy.mode({ kind: 'stall' });
    await a.connection.close({ drain: false });
    server.proxy.mode({ kind: 'pass' });
    expect(dials(await connected())).toBe(1);
    expect(b.context.losses).toEqual([]);
  });

  it('outlives the attempt of the one who dials it', async () => {
    const { connected } = onHub();
    const context = recordingContext();
    const dial = async (): Promise<never> =>
      await new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(new Error('given up')));
        dialling();
      });
    let dialling = (): void => undefined;
    const begun = new Promise<void>((resolve) => (dialling = resolve));
    const first = connected({ context: Object.assign(context, { dial }) }).catch((error: unknown) => error);
    await begun;
    const second = connected({ group: 'g1' });
    context.controller.abort();
    expect(await first).toMatchObject({ code: 'lost', message: 'The attempt to connect was given up.' });
    expect(dials(await second)).toBe(1);
  });
});

describe('on a shared connection', () => {
  it('what one is refused, or loses, is its own', async () => {
    const { hub, connected, groups } = onHub();
    const [a, b] = await Promise.all([connected(), connected({ group: 'g1' })]);
    await expect.poll(() => groups().toSorted()).toEqual(['g0', 'g1']);
    await expect(connected({ group: 'none' })).rejects.toMatchObject({ code: 'misconfigured' });
    const [reader] = server.readers(hub).filter(({ group }) => group === 'g0');
    reader?.link.close({ condition: 'amqp:link:stolen', description: 'taken' });
    await expect.poll(() => a.context.losses).toMatchObject([{ code: 'misconfigured' }]);
    server.append(hub, ['x']);
    await expect.poll(() => texts(b)).toEqual(['x']);
    expect(b.context.losses).toEqual([]);
  });

  it('who is held back goes on over a connection of its own, and the others read meanwhile', async () => {
    const { hub, connected, groups } = onHub();
    const [a, b] = await Promise.all([connected(), connected({ group: 'g1' })]);
    server.append(hub, ['before']);
    await expect.poll(() => [texts(a), texts(b)]).toEqual([['before'], ['before']]);
    const shared = dials(a);
    a.context.hold(true);
    await expect.poll(groups).toEqual(['g1']);
    server.append(hub, numbers(100));
    await expect.poll(() => texts(b)).toHaveLength(101);
    expect(texts(a)).toEqual(['before']);
    a.context.hold(false);
    await expect.poll(() => texts(a)).toEqual(['before', ...numbers(100)]);
    expect(dials(a)).toBe(shared + 1);
    // That one is its own: held back again it keeps its links.
    a.context.hold(true);
    server.append(hub, ['after']);
    await expect.poll(() => texts(b)).toHaveLength(102);
    expect(groups().toSorted()).toEqual(['g0', 'g1']);
    expect(texts(a)).toHaveLength(101);
    a.context.hold(false);
    await expect.poll(() => texts(a)).toHaveLength(102);
    expect([...a.context.losses, ...b.context.losses]).toEqual([]);
    // The one that it left is still joined.
    expect(dials(await connected({ group: 'g2' }))).toBe(0);
  });

  it('who is alone when it is held back keeps its links, and nobody joins it', async () => {
    const { hub, connected, groups } = onHub();
    const a = await connected();
    await expect.poll(groups).toEqual(['g0']);
    a.context.hold(true);
    const b = await connected({ group: 'g1' });
    server.append(hub, ['x']);
    await expect.poll(() => texts(b)).toEqual(['x']);
    expect(groups().toSorted()).toEqual(['g0', 'g1']);
    a.context.hold(false);
    await expect.poll(() => texts(a)).toEqual(['x']);
    expect([dials(a), dials(b)]).toEqual([1, 1]);
  });
});
