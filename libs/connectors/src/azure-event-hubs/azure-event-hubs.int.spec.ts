import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '#lib/connector-sdk';
import { type RecordingContext, memoryState, recordingContext } from '../../../../test/servers/connection-context.ts';
import { EVENT_HUBS_KEY, type EventHubsServer, startEventHubs } from '../../../../test/servers/event-hubs.ts';
import { makeCertificates } from '../../../../test/servers/certificates.ts';
import { signature } from '../../../../test/servers/event-hubs/tokens.ts';
import type { ResolvedAzureEventHubConfig } from './config.ts';
import { azureEventHub as definition } from './definition.ts';
import type { ConnectOptions } from './library.ts';
import { azureEventHubProvider } from './provider.ts';

let server: EventHubsServer;
const open: Connection[] = [];
let hubs = 0;

beforeAll(async () => {
  server = await startEventHubs();
});
afterEach(async () => {
  server.heal();
  server.setKeys([EVENT_HUBS_KEY]);
  server.proxy.mode({ kind: 'pass' });
  await Promise.all(open.splice(0).map((connection) => connection.close({ drain: false })));
});
afterAll(() => server.stop());

interface Options {
  readonly context?: RecordingContext;
  readonly topics?: readonly string[];
  readonly config?: Partial<ResolvedAzureEventHubConfig>;
  readonly pace?: ConnectOptions['pace'];
  readonly start?: ConnectOptions['start'];
}
interface Made {
  readonly connection: Connection;
  readonly context: RecordingContext;
}

async function connected(
  hub: string,
  { context = recordingContext(), topics = [], config = {}, pace = {}, start = 'latest' }: Options = {},
): Promise<Made> {
  const connection = await azureEventHubProvider({ pace, start }).connect(
    {
      integrationId: 'i',
      applicationId: 'a',
      topics,
      config: { hubName: hub, consumerGroup: '$Default', connectionString: server.connectionString(), ...config },
      assignedClientId: 'c',
    },
    context,
  );
  open.push(connection);
  return { connection, context };
}

/** A hub of its own and a connection to it. */
async function onHub(options: Options & { partitions?: number } = {}): Promise<Made & { hub: string }> {
  const hub = newHub(options.partitions);
  return { hub, ...(await connected(hub, options)) };
}
const newHub = (partitions = 2): string => {
  const hub = `hub-${++hubs}`;
  server.createHub(hub, { partitions, groups: ['other'] });
  return hub;
};

const withSignature = (text: string): string =>
  `Endpoint=sb://127.0.0.1:${server.port};SharedAccessSignature=${text};UseDevelopmentEmulator=true`;

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const texts = (context: RecordingContext): string[] => context.received.map(({ body }) => Buffer.from(body).toString());

const send = async (connection: Connection, payload: string | Uint8Array, options: Record<string, unknown> = {}): Promise<unknown> =>
  await connection.send?.({ id: 'r:n:0', payload: Buffer.from(payload), options });
const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `${from + index}`);
const dataOf = (context: RecordingContext): Record<string, unknown>[] =>
  context.received.map(({ attributes: given, body }) => definition.messageData?.({ attributes: given, body }) ?? {});

describe('receiving', () => {
  it('reads every partition from where the hub ended when it connected first, and dials nothing but through the context', async () => {
    const hub = newHub();
    server.append(hub, ['before'], '0');
    const { context, connection } = await connected(hub);
    expect(connection.connectData).toEqual({ eventHubName: hub, partitionIds: ['0', '1'] });
    expect(context.proofs).toEqual(['hub']);
    server.append(hub, ['one'], '0');
    server.append(hub, ['two'], '1');
    await expect.poll(() => texts(context).toSorted()).toEqual(['one', 'two']);
    await connection.probe();
    expect(context.proofs).toEqual(['hub', 'hub']);
    expect(context.dialled).toEqual([`127.0.0.1:${server.port}`]);
  });

  it('reads all that the hub keeps where that is the setting, and later on from where it was', async () => {
    const state = memoryState();
    const hub = newHub(1);
    server.append(hub, ['there before']);
    const { connection, context } = await connected(hub, { context: recordingContext(state), start: 'earliest' });
    server.append(hub, ['after']);
    await expect.poll(() => texts(context)).toEqual(['there before', 'after']);
    await connection.close({ drain: true });
    server.append(hub, ['while away']);
    const { context: again } = await connected(hub, { context: recordingContext(state), start: 'earliest' });
    await expect.poll(() => texts(again)).toEqual(['while away']);
  });

  it('gives the run every field of an event, and properties of every type', async () => {
    const { hub, context } = await onHub();
    const properties = { text: 'ä', whole: 7, part: 1.5, yes: true, bytes: Buffer.from([0xff, 0]), at: new Date(0), none: null };
    const [stored] = server.append(hub, [{ body: Buffer.from('{"t": 21}'), properties, partitionKey: 'line 1' }]);
    await expect.poll(() => context.received).toHaveLength(1);
    expect(dataOf(context)).toEqual([
      {
        event: {
          body: { t: 21 },
          enqueuedTimeUtc: new Date(stored?.enqueuedAt ?? 0).toISOString(),
          offset: stored?.offset,
          partitionKey: 'line 1',
          properties: { ...properties, bytes: '/wA=', at: '1970-01-01T00:00:00.000Z' },
          sequenceNumber: 0,
        },
        eventHubName: hub,
        partitionId: stored?.partitionId,
      },
    ]);
    expect(context.received[0]?.providerId).toMatch(new RegExp(`^${hub}@\\d+/${stored?.partitionId}/0$`));
  });

  it.each<[string, unknown, Record<string, unknown>]>([
    ['text', Buffer.from('größe €'), { body: 'größe €' }],
    ['bytes that are no text', Buffer.from([0xff, 0xfe]), { body: '//4=', encoding: 'base64' }],
    ['nothing', Buffer.alloc(0), { body: '' }],
    ['text as an AMQP value', 'plain', { body: 'plain' }],
    ['a number as an AMQP value', 7, { body: 7 }],
    ['a map as an AMQP value', { a: [1, 'x'], b: Buffer.from([1]) }, { body: { a: [1, 'x'], b: 'AQ==' } }],
  ])('takes %s', async (_, body, expected) => {
    const { hub, context } = await onHub({ partitions: 1 });
    server.append(hub, [{ body }]);
    await expect.poll(() => dataOf(context)).toMatchObject([{ event: expected }]);
    expect(Object.hasOwn(dataOf(context)[0]?.['event'] as object, 'encoding')).toBe('encoding' in expected);
  });

  it('keeps the order of each partition', async () => {
    const { hub, context } = await onHub();
    for (const id of ['0', '1'])
      server.append(
        hub,
        numbers(40).map((text) => `${id}:${text}`),
        id,
      );
    await expect.poll(() => context.received.length, { timeout: 10_000 }).toBe(80);
    for (const id of ['0', '1'])
      expect(texts(context).filter((text) => text.startsWith(`${id}:`))).toEqual(numbers(40).map((text) => `${id}:${text}`));
  });

  it('keeps events of the partition keys it is to keep, and passes the others by', async () => {
    const state = memoryState();
    const { hub, context, connection } = await onHub({ topics: ['a', 'b'], context: recordingContext(state), partitions: 1 });
    server.append(hub, [
      { body: '1', partitionKey: 'a' },
      { body: '2', partitionKey: 'c' },
      { body: '3' },
      { body: '4', partitionKey: 'b' },
      { body: '5', partitionKey: 'c' },
    ]);
    await expect.poll(() => texts(context)).toEqual(['1', '4']);
    await expect.poll(() => context.proofs.filter((proof) => proof === 'event')).toHaveLength(3);
    server.append(hub, [{ body: '6', partitionKey: 'c' }]);
    await expect.poll(() => context.proofs.filter((proof) => proof === 'event')).toHaveLength(4);
    await connection.close({ drain: true });
    expect(state.values()).toMatchObject([{ partitions: { 0: { sequenceNumber: 5 } } }]);
    await connected(hub, { topics: [], context: recordingContext(state) });
    await expect.poll(() => server.readers(hub)[0]?.selector).toContain(`> '${5 * 48}'`);
  });

  it('reads no more while it is held back, whatever the server may send, and goes on where it was', async () => {
    const { hub, context } = await onHub({ pace: { attachMs: 0 } });
    // After each batch the client lets the server send 32 more: soon that is no bound.
    for (const text of numbers(10)) {
      server.append(hub, [text], '0');
      await expect.poll(() => texts(context)).toContain(text);
    }
    const EVENT = 256 * 1024;
    context.received.length = 0;
    context.hold(true);
    const before = server.proxy.bytes.down;
    server.append(
      hub,
      Array.from({ length: 160 }, (_, index) => ({ body: Buffer.alloc(EVENT, index) })),
      '0',
    );
    // As much as fits into the buffers of the sockets between, and what the client reads at once.
    let [last, now] = [0, 0];
    const settled = (): boolean => {
      [last, now] = [now, server.proxy.bytes.down - before];
      return now > EVENT && now === last;
    };
    await expect.poll(settled, { interval: 200 }).toBe(true);
    expect(context.received).toEqual([]);
    expect(server.proxy.bytes.down - before).toBeLessThan(100 * EVENT);
    context.hold(false);
    await expect.poll(() => context.received.map(({ body }) => body[0])).toEqual(Array.from({ length: 160 }, (_, index) => index));
  });

  it('is held back from its first event on: no link that is being attached stands in the way', async () => {
    const context = recordingContext();
    context.hold(true);
    const { hub, connection } = await onHub({ context, partitions: 1 });
    server.append(hub, numbers(100));
    await connection.probe();
    expect(context.received).toEqual([]);
    context.hold(false);
    context.hold(true);
    await expect.poll(() => server.readers(hub)[0]?.next).toBeGreaterThan(0);
    await connection.probe();
    expect(context.received).toEqual([]);
    context.hold(false);
    await expect.poll(() => texts(context)).toEqual(numbers(100));
  });

  // After 5 ms the events are still under way when the link is closed; after 50 ms they have come.
  it.each([5, 50])('closes its links when it is held back for long (%i ms), and reads on behind what it gave', async (parkMs) => {
    const { hub, context, connection } = await onHub({ partitions: 1, pace: { attachMs: 0, parkMs } });
    server.append(hub, numbers(3));
    await expect.poll(() => texts(context)).toEqual(numbers(3));
    context.hold(true);
    server.append(hub, numbers(3, 3));
    await expect.poll(() => server.readers(hub)).toEqual([]);
    await connection.probe();
    expect(texts(context)).toEqual(numbers(3));
    context.hold(false);
    await expect.poll(() => texts(context)).toEqual(numbers(6));
  });

  it('reads partitions that are added from their beginning', async () => {
    const { hub, context, connection } = await onHub({ partitions: 1 });
    server.addPartition(hub);
    server.append(hub, ['early'], '1');
    await connection.probe();
    await expect.poll(() => texts(context)).toEqual(['early']);
  });
});

describe('checkpoints', () => {
  it('go no further than what is stored without a hole; a successor reads on from there', async () => {
    const state = memoryState();
    const { hub, context, connection } = await onHub({
      context: Object.assign(recordingContext(state), { storing: 'by hand' }),
      partitions: 1,
    });
    server.append(hub, numbers(4));
    await expect.poll(() => texts(context)).toEqual(numbers(4));
    for (const at of [0, 2, 3]) context.received[at]?.store();
    await expect.poll(() => state.values()).toMatchObject([{ partitions: { 0: { sequenceNumber: 0 } } }]);
    await connection.close({ drain: false });
    const { context: second } = await connected(hub, { context: recordingContext(state) });
    await expect.poll(() => texts(second)).toEqual(['1', '2', '3']);
    expect(second.received.map(({ providerId }) => providerId)).toEqual(context.received.slice(1).map(({ providerId }) => providerId));
  });

  it('are written when it is closed in order, after what is at hand is stored', async () => {
    const state = memoryState();
    const { hub, context, connection } = await onHub({
      context: Object.assign(recordingContext(state), { storing: 'by hand' }),
      partitions: 1,
    });
    server.append(hub, numbers(2));
    await expect.poll(() => texts(context)).toEqual(numbers(2));
    const closing = connection.close({ drain: true });
    for (const message of context.received) message.store();
    await closing;
    server.append(hub, ['next']);
    const { context: second } = await connected(hub, { context: recordingContext(state) });
    await expect.poll(() => texts(second)).toEqual(['next']);
  });

  it('keep what came while nobody was connected, and belong to one consumer group', async () => {
    const state = memoryState();
    const { hub, connection } = await onHub({ context: recordingContext(state), partitions: 1 });
    await connection.close({ drain: true });
    server.append(hub, ['meanwhile']);
    const { context: other } = await connected(hub, { context: recordingContext(state), config: { consumerGroup: 'other' } });
    const { context } = await connected(hub, { context: recordingContext(state) });
    await expect.poll(() => texts(context)).toEqual(['meanwhile']);
    server.append(hub, ['both']);
    await expect.poll(() => texts(other)).toEqual(['both']);
  });

  it('end with their hub: all that is in one made anew under its name is read', async () => {
    const state = memoryState();
    const { hub, connection, context } = await onHub({ context: recordingContext(state), partitions: 1 });
    server.append(hub, numbers(3));
    await expect.poll(() => texts(context)).toEqual(numbers(3));
    await connection.close({ drain: true });
    server.deleteHub(hub);
    server.createHub(hub, { partitions: 1 });
    server.append(hub, ['new']);
    const { context: second } = await connected(hub, { context: recordingContext(state) });
    await expect.poll(() => texts(second)).toEqual(['new']);
    expect(second.received[0]?.providerId).not.toBe(context.received[0]?.providerId);
  });

  it('tell of events that expired before they were read', async () => {
    const state = memoryState();
    const { hub, connection, context } = await onHub({ context: recordingContext(state), partitions: 1 });
    server.append(hub, ['0']);
    await expect.poll(() => texts(context)).toEqual(['0']);
    await connection.close({ drain: true });
    server.append(hub, numbers(5, 1));
    server.expire(hub, '0', 3);
    const { context: second } = await connected(hub, { context: recordingContext(state) });
    await expect.poll(() => texts(second)).toEqual(['4', '5']);
    expect(second.gaps).toEqual([expect.stringMatching(/^3 events expired/)]);
  });

  it('are left alone, and its link is lost, when an event can not be stored', async () => {
    const context = Object.assign(recordingContext(), { storing: 'by hand' as const });
    const { hub } = await onHub({ context, partitions: 1 });
    server.append(hub, numbers(1));
    await expect.poll(() => context.received).toHaveLength(1);
    context.received[0]?.fail(new Error('no'));
    await expect.poll(() => context.losses).toMatchObject([{ code: 'lost', message: 'An event could not be stored.' }]);
  });
});

describe('owners', () => {
  it('give way to a later connection of the same integration, and say so', async () => {
    const state = memoryState();
    const { hub, context } = await onHub({ context: recordingContext(state) });
    const { context: second } = await connected(hub, { context: recordingContext(state) });
    await expect
      .poll(() => context.losses)
      .toMatchObject([{ code: 'lost', message: expect.stringMatching(/Another connection of this integration/) }]);
    server.append(hub, ['x']);
    await expect.poll(() => texts(second)).toEqual(['x']);
    expect(second.losses).toEqual([]);
    expect(texts(context)).toEqual([]);
  });

  it('tell readers of others from their own, both who take and who have', async () => {
    const hub = newHub();
    const strangers = memoryState();
    for (let epochs = 0; epochs < 2; epochs++)
      await (await connected(hub, { context: recordingContext(strangers) })).connection.close({ drain: true });
    const { context } = await connected(hub);
    await connected(hub, { context: recordingContext(strangers) });
    const taken = { code: 'misconfigured', message: expect.stringMatching(/Another reader.*\$Default.*one of its own/) };
    await expect.poll(() => context.losses).toMatchObject([taken]);
    expect(await failure(connected(hub))).toMatchObject(taken);
  });
});

describe('sending', () => {
  it('publishes bytes as they are, with key and properties', async () => {
    const { hub, connection, context } = await onHub();
    expect(await send(connection, '{"a": 1}', { partitionKey: 'k', properties: { text: 'x', whole: 3, part: 0.5, yes: false } })).toEqual({
      verdict: 'succeeded',
    });
    expect(await send(connection, Buffer.from([0xff]))).toEqual({ verdict: 'succeeded' });
    expect(server.published(hub)).toMatchObject([
      { body: Buffer.from('{"a": 1}'), partitionKey: 'k', properties: { text: 'x', whole: 3, part: 0.5, yes: false } },
      { body: Buffer.from([0xff]), partitionKey: undefined },
    ]);
    await expect.poll(() => context.received).toHaveLength(2);
    expect(context.dialled).toEqual([`127.0.0.1:${server.port}`, `127.0.0.1:${server.port}`]);
  });

  it('is not stopped by events that are held back', async () => {
    const { hub, connection, context } = await onHub();
    context.hold(true);
    server.append(hub, numbers(5), '0');
    expect(await send(connection, 'x')).toEqual({ verdict: 'succeeded' });
  });

  it.each([
    ['amqp:link:message-size-exceeded', 'MessageTooLargeError', /1 MB/],
    ['amqp:unauthorized-access', 'UnauthorizedError', /policy sluice/],
    ['amqp:not-found', 'ServiceCommunicationError', /no hub/],
  ])('tells what Event Hubs says of an event: %s', async (condition, type, message) => {
    const { connection } = await onHub();
    server.behave('send', { kind: 'refuse', condition });
    expect(await send(connection, 'x')).toMatchObject({ verdict: 'failed', error: { type, message: expect.stringMatching(message) } });
  });

  it('tells a key that may not send, and one that is asked to send less', async () => {
    server.setKeys([{ ...EVENT_HUBS_KEY, claims: ['Listen'] }]);
    const { connection } = await onHub();
    expect(await send(connection, 'x')).toMatchObject({
      verdict: 'failed',
      error: { message: expect.stringMatching(/may not send to.*right Send/) },
    });
    server.setKeys([EVENT_HUBS_KEY]);
    const { connection: other } = await onHub();
    server.behave('send', { kind: 'refuse', condition: 'com.microsoft:server-busy' });
    expect(await failure(send(other, 'x'))).toMatchObject({ code: 'throttled' });
  });

  it('is told at once of a link that drops, and sends over a new one', async () => {
    const { connection, hub } = await onHub();
    server.behave('send', { kind: 'hang' });
    const before = server.asked.get('send') ?? 0;
    const sending = send(connection, 'x');
    await expect.poll(() => server.asked.get('send')).toBe(before + 1);
    server.proxy.drop();
    expect(await sending).toMatchObject({ verdict: 'unknown', error: { type: 'lost', message: 'Connection Lost' } });
    server.heal();
    expect(await send(connection, 'y')).toEqual({ verdict: 'succeeded' });
    expect(server.published(hub).map(({ body }) => String(body))).toEqual(['y']);
  });

  it('says that nothing was sent when there is no connection, and goes over links that the service ended for being idle', async () => {
    const { connection, hub } = await onHub();
    server.proxy.mode({ kind: 'refuse' });
    expect(await failure(send(connection, 'x'))).toMatchObject({ code: 'lost' });
    server.proxy.mode({ kind: 'pass' });
    expect(await send(connection, '1')).toEqual({ verdict: 'succeeded' });
    server.endSenders({ condition: 'amqp:link:detach-forced', description: 'The link is force detached: idle.' });
    await expect.poll(() => server.senders).toBe(0);
    expect(await send(connection, '2')).toEqual({ verdict: 'succeeded' });
    expect(server.published(hub).map(({ body }) => String(body))).toEqual(['1', '2']);
  });
});

describe('refusals', () => {
  it.each<[string, () => Partial<ResolvedAzureEventHubConfig>, string, RegExp]>([
    [
      'a wrong key',
      () => ({ connectionString: server.connectionString({ key: 'wrong' }) }),
      'unauthorized',
      /policy sluice.*SharedAccessKey/,
    ],
    ['an unknown policy', () => ({ connectionString: server.connectionString({ keyName: 'none' }) }), 'unauthorized', /policy none/],
    ['a missing hub', () => ({ hubName: 'nowhere' }), 'misconfigured', /no hub nowhere/],
    ['a missing consumer group', () => ({ consumerGroup: 'nobody' }), 'misconfigured', /no consumer group nobody/],
    [
      'a hub that is not in the string',
      () => ({ connectionString: server.connectionString({ hub: 'x' }) }),
      'misconfigured',
      /hubName.*EntityPath/,
    ],
    ['a name that is none', () => ({ hubName: 'x;Endpoint=sb://elsewhere' }), 'misconfigured', /^hubName must/],
    [
      'a string that is none',
      () => ({ connectionString: 'Endpoint=nothing;SharedAccessKey=canary' }),
      'misconfigured',
      /^connectionString needs an Endpoint/,
    ],
    ['nothing to authenticate with', () => ({ connectionString: undefined }), 'misconfigured', /^connectionString is required/],
    ['a server that is not there', () => ({ connectionString: server.connectionString({ port: 1 }) }), 'lost', /ECONNREFUSED/],
    [
      'a signature that expired',
      () => ({ connectionString: withSignature(signature(EVENT_HUBS_KEY, 'sb://127.0.0.1', Math.floor(Date.now() / 1000) - 60)) }),
      'unauthorized',
      /SharedAccessSignature has expired/,
    ],
  ])('tells %s, and no secret with it', async (_, config, code, message) => {
    const refused = await failure(connected(newHub(), { config: config() }));
    expect(refused).toMatchObject({ name: 'ConnectorError', code, message: expect.stringMatching(message) });
    expect(String(refused)).not.toMatch(/Secret\+|wrong|canary|sig=/);
  });

  it('takes a signature that is good', async () => {
    const good = signature(EVENT_HUBS_KEY, 'sb://127.0.0.1', Math.floor(Date.now() / 1000) + 600);
    const { context } = await onHub({ config: { connectionString: withSignature(good) } });
    expect(context.proofs).toEqual(['hub']);
  });

  it.each([
    ['put-token', 'com.microsoft:server-busy', 'throttled', /fewer|less/],
    ['receiver', 'amqp:resource-limit-exceeded', 'misconfigured', /as many readers/],
    ['receiver', 'com.microsoft:argument-error', 'misconfigured', /another consumer group/],
    ['hub', 'com.microsoft:entity-disabled', 'misconfigured', /disabled/],
    ['hub', 'amqp:internal-error', 'lost', /InternalServerError/],
  ] as const)('tells what is answered to %s: %s', async (operation, condition, code, message) => {
    const hub = newHub();
    server.behave(operation, { kind: 'refuse', condition });
    expect(await failure(connected(hub))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('tells a key that may only send', async () => {
    server.setKeys([{ ...EVENT_HUBS_KEY, claims: ['Send'] }]);
    expect(await failure(connected(newHub()))).toMatchObject({
      code: 'unauthorized',
      message: expect.stringMatching(/may not read.*right Listen/),
    });
  });

  it('tells of a key that is revoked and of a hub that is deleted while it is connected', async () => {
    const { connection } = await onHub();
    server.setKeys([]);
    expect(await failure(connection.probe())).toMatchObject({ code: 'unauthorized' });
    server.setKeys([EVENT_HUBS_KEY]);
    const { hub, context, connection: other } = await onHub();
    server.deleteHub(hub);
    await expect.poll(() => context.losses).toMatchObject([{ code: 'misconfigured' }]);
    expect(await failure(other.probe())).toMatchObject({ code: 'misconfigured', message: expect.stringMatching(/no hub/) });
  });

  it('tells of a hub that was made anew', async () => {
    const { hub, connection, context } = await onHub();
    server.createHub(hub);
    await connection.probe();
    expect(context.losses).toMatchObject([{ code: 'lost', message: expect.stringMatching(/made anew/) }]);
  });
});

describe('broken links', () => {
  it('tells one that drops; what was not stored comes again, known by its id', async () => {
    const state = memoryState();
    const context = Object.assign(recordingContext(state), { storing: 'by hand' as const });
    const { hub } = await onHub({ context, partitions: 1 });
    server.append(hub, ['again']);
    await expect.poll(() => texts(context)).toEqual(['again']);
    server.proxy.drop();
    await expect.poll(() => context.losses).toMatchObject([{ code: 'lost', message: 'Connection Lost' }]);
    const { context: second } = await connected(hub, { context: recordingContext(state) });
    await expect.poll(() => texts(second)).toEqual(['again']);
    expect(second.received[0]?.providerId).toBe(context.received[0]?.providerId);
  });

  it('leaves a probe without an answer when the link is a black hole, closes it all the same, and gives up an attempt that is given up', async () => {
    const { connection, hub } = await onHub();
    server.proxy.mode({ kind: 'stall' });
    const probing = failure(connection.probe());
    const context = recordingContext();
    const attempt = failure(connected(hub, { context }));
    await expect.poll(() => context.dialled).toHaveLength(1);
    context.controller.abort();
    expect(await attempt).toMatchObject({ code: 'lost', message: /given up/ });
    await connection.close({ drain: true });
    expect(await probing).toMatchObject({ code: 'lost' });
  });

  it('tells of links that the service ends for a reason of its own', async () => {
    const { hub, context } = await onHub();
    await expect.poll(() => server.readers(hub)).toHaveLength(2);
    server.endReaders(hub, { condition: 'amqp:link:detach-forced', description: 'The link is force detached by the broker.' });
    await expect.poll(() => context.losses).toMatchObject([{ code: 'lost', message: expect.stringMatching(/DetachForcedError/) }]);
  });
});

describe('TLS', () => {
  const certificates = makeCertificates();
  let secure: EventHubsServer;
  beforeAll(async () => {
    secure = await startEventHubs({ tls: certificates.server });
    secure.createHub('h', { partitions: 1 });
  });
  afterAll(() => secure.stop());

  const over = async (options: ConnectOptions): Promise<Made> => {
    const context = recordingContext();
    const connection = await azureEventHubProvider({ port: secure.port, ...options }).connect(
      {
        integrationId: 'i',
        applicationId: 'a',
        topics: [],
        config: {
          hubName: 'h',
          consumerGroup: '$Default',
          hostName: 'localhost',
          credential: { account: EVENT_HUBS_KEY.name, accountKey: EVENT_HUBS_KEY.key },
        },
        assignedClientId: 'c',
      },
      context,
    );
    open.push(connection);
    return { connection, context };
  };

  it('is spoken over the dialled socket, with the key of a service credential', async () => {
    const { connection, context } = await over({ tls: { caCertificate: certificates.ca } });
    expect(await send(connection, 'secret')).toEqual({ verdict: 'succeeded' });
    await expect.poll(() => texts(context)).toEqual(['secret']);
    expect(new Set(context.dialled)).toEqual(new Set([`localhost:${secure.port}`]));
  });

  it('tells a certificate that nobody known signed', async () => {
    expect(await failure(over({}))).toMatchObject({ code: 'misconfigured', message: expect.stringMatching(/certificate/) });
  });
});
