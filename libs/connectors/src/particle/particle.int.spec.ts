import type { Socket } from 'node:net';
import ParticleApi from 'particle-api-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Connection, SendOutcome } from '#lib/connector-sdk';
import { type RecordingContext, bodies, failure, recordingContext } from '../../../../test/servers/connection-context.ts';
import { type TestParticleServer, startParticleServer } from '../../../../test/servers/particle.ts';
import type { ParticleConfig } from './config.ts';
import { particle } from './definition.ts';
import { particleProvider } from './provider.ts';

const TOKEN = 'good-token';
let server: TestParticleServer;
const open: Connection[] = [];

beforeEach(async () => {
  server = await startParticleServer({ keepAliveMs: 50 });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close({ drain: false })));
  await server.stop();
});

async function connected(
  config: Partial<ParticleConfig> = {},
  topics: readonly string[] = ['*'],
  context: RecordingContext = recordingContext(),
): Promise<{ connection: Connection; context: RecordingContext }> {
  const connection = await particleProvider({ url: new URL(server.url) }).connect(
    { integrationId: 'i', applicationId: 'a', topics, config: { accessToken: TOKEN, ...config }, assignedClientId: 'c' },
    context,
  );
  open.push(connection);
  return { connection, context };
}

const names = (context: RecordingContext): unknown[] => context.received.map(({ attributes }) => attributes['name']);
const call = async (connection: Connection, options: Record<string, unknown>, args = 'on'): Promise<SendOutcome | undefined> =>
  await connection.send?.({ id: 'r:n:0', payload: Buffer.from(args), options });

describe('the test server', () => {
  it('is one that the own client of Particle takes for its cloud', async () => {
    const api = new ParticleApi({ baseUrl: server.url });
    server.functions.set('d/led', (args) => args.length);
    const { body } = await api.callFunction({ deviceId: 'd', name: 'led', argument: 'on', auth: TOKEN });
    expect(body).toMatchObject({ return_value: 2 });
    const stream = await api.getEventStream({ deviceId: 'mine', name: 'temp', auth: TOKEN });
    const seen: unknown[] = [];
    stream.on('event', (event: unknown) => seen.push(event));
    server.publish({ name: 'temperature', data: '21' });
    await expect.poll(() => seen).toMatchObject([{ name: 'temperature', data: '21', ttl: 60 }]);
    stream.abort();
    await expect.poll(() => server.streams).toEqual([]);
  });
});

describe('a stream', () => {
  it('is the only one, over the one socket it is given, and proven by each byte', async () => {
    const { connection, context } = await connected({}, ['temp', 'temp/*']);
    expect(context.proofs).toEqual(['stream']);
    expect(server.streams).toEqual(['/v1/devices/events/temp']);
    expect(context.dialled).toEqual([server.url.slice('http://'.length)]);
    expect(connection.connectData).toEqual({ eventNames: ['temp', 'temp/*'] });
    await connection.probe();
    expect(context.proofs.at(-1)).toBe('sse');
  });

  it('has no proof of a cloud that is silent', async () => {
    const { connection, context } = await connected();
    await expect.poll(() => context.proofs.length).toBeGreaterThan(2);
    server.silence();
    const probe = connection.probe();
    server.publish({ name: 'temp', data: '1' });
    await probe;
    const silent = connection.probe();
    server.drop();
    expect(await failure(silent)).toMatchObject({ code: 'lost' });
  });

  it('ends in order, and is not told as lost', async () => {
    const { connection, context } = await connected();
    await connection.close({ drain: true });
    await expect.poll(() => server.streams).toEqual([]);
    expect(context.losses).toEqual([]);
    expect(await failure(call(connection, { name: 'led', device: 'd' }))).toMatchObject({ code: 'lost' });
  });

  it('is told when it breaks or ends', async () => {
    const broken = await connected();
    server.drop();
    await expect.poll(() => broken.context.losses).toMatchObject([{ code: 'lost', message: 'Connection Lost' }]);
    const context = recordingContext();
    const { dial } = context;
    let socket: Socket | undefined;
    context.dial = async (host, port) => (socket = await dial(host, port));
    await connected({}, ['*'], context);
    server.revoke(TOKEN);
    await expect.poll(() => context.losses).toMatchObject([{ code: 'lost' }]);
    expect(socket?.destroyed).toBe(true); // else nobody would listen to what becomes of it
    expect(await failure(connected())).toMatchObject({ code: 'unauthorized' });
  });
});

describe('events', () => {
  it('arrive in order, exact names and prefixes only', async () => {
    const { context } = await connected({}, ['temp', 'temp/out*']);
    for (const name of ['temp', 'temperature', 'temp/out/1', 'temp/in', 'temp']) server.publish({ name, data: name });
    await expect.poll(() => names(context)).toEqual(['temp', 'temp/out/1', 'temp']);
    const [first] = context.received;
    expect(first && particle.messageData?.(first)).toEqual({
      name: 'temp',
      data: 'temp',
      coreid: '0123456789abcdef01234567',
      published_at: '2026-11-25T02:00:00.000Z',
      ttl: 60,
    });
  });

  it('survive being cut anywhere, in the middle of a character too', async () => {
    const { context } = await connected();
    // A keep-alive would be one more line in the middle of it.
    server.silence();
    const event = Buffer.from('event: temp\ndata: {"data":"21 °C \u{1f600}","ttl":60}\n\n');
    for (const byte of event) {
      server.raw(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await expect.poll(() => bodies(context)).toEqual(['21 °C \u{1f600}']);
  });

  it('that are not in the format of the cloud are not dropped', async () => {
    const { context } = await connected();
    server.raw('event: temp\ndata: {"data":\n\n');
    server.publish({ name: 'temp', data: 'next' });
    await expect.poll(() => bodies(context)).toEqual(['{"data":', 'next']);
  });

  it('beyond the bound end the stream with words', async () => {
    const { context } = await connected();
    server.raw(`event: temp\ndata: ${'x'.repeat(17 * 1024 * 1024)}`);
    await expect.poll(() => context.losses, { timeout: 5_000 }).toMatchObject([{ code: 'lost', message: /larger than 16 MB/ }]);
    await expect.poll(() => server.streams).toEqual([]);
  });

  it('wait at the source while the runtime takes no more, and none is lost', async () => {
    const context = recordingContext();
    const { dial } = context;
    let socket: Socket | undefined;
    context.dial = async (host, port) => (socket = await dial(host, port));
    await connected({}, ['*'], context);
    server.publish({ name: 'temp', data: 'first' });
    await expect.poll(() => bodies(context)).toEqual(['first']);
    context.hold(true);
    const padding = 'x'.repeat(1_000);
    for (let index = 0; index < 20_000; index++) server.publish({ name: 'temp', data: `${index} ${padding}` });
    let before = -1;
    const settled = (): boolean => before === (before = socket?.bytesRead ?? 0);
    await expect.poll(settled, { interval: 100 }).toBe(true);
    expect(before).toBeLessThan(1_000_000);
    expect(context.received.splice(0)).toHaveLength(1);
    context.hold(false);
    await expect.poll(() => context.received.length, { timeout: 10_000 }).toBe(20_000);
    expect(bodies(context).every((body, index) => body.startsWith(`${index} `))).toBe(true);
  });

  it('that were read already are handed over when the stream breaks', async () => {
    const context = recordingContext();
    const { receive } = context;
    // The first of a chunk fills what the runtime takes.
    context.receive = async (message) => {
      context.hold(true);
      await receive(message);
    };
    await connected({}, ['*'], context);
    server.raw(['first', 'second', 'third'].map((data) => `event: temp\ndata: {"data":"${data}"}\n\n`).join(''));
    await expect.poll(() => bodies(context)).toEqual(['first']);
    server.drop();
    await expect.poll(() => context.losses.length).toBe(1);
    expect(bodies(context)).toEqual(['first', 'second', 'third']);
  });
});

describe('a stream that is refused', () => {
  it('for its token is unauthorized, without quoting it', async () => {
    const refused = await failure(connected({ accessToken: 'wrong-token' }));
    expect(refused).toMatchObject({ name: 'ConnectorError', code: 'unauthorized' });
    expect(String(refused)).not.toContain('wrong-token');
    const invalid = await failure(connected({ accessToken: 'bad\ntoken' }));
    expect(invalid).toMatchObject({ name: 'ConnectorError', code: 'misconfigured' });
    expect(String(invalid)).not.toContain('bad\ntoken');
  });

  it('for a device that is not there is misconfigured', async () => {
    expect(await failure(connected({ deviceNameOrId: 'missing' }))).toMatchObject({ code: 'misconfigured', message: /device/ });
  });

  it.each([
    [403, {}, 'unauthorized', undefined],
    [429, { 'Retry-After': '120' }, 'throttled', 120_000],
    [503, { 'Retry-After': '2' }, 'throttled', 2_000],
    [503, {}, 'lost', undefined],
    [200, {}, 'misconfigured', undefined],
    [200, { 'Content-Type': 'text/event-stream', 'Content-Encoding': 'gzip' }, 'misconfigured', undefined],
    [302, { Location: 'http://127.0.0.1/' }, 'misconfigured', undefined],
  ] as const)('with %i %o is %s', async (status, headers, code, retryAfterMs) => {
    server.mode({ kind: 'refuse', status, headers: { ...headers } });
    const refused = await failure(connected());
    expect(refused).toMatchObject({ name: 'ConnectorError', code });
    expect((refused as { details: { retryAfterMs?: number } }).details.retryAfterMs).toBe(retryAfterMs);
  });

  it('by silence ends when the runtime gives up', async () => {
    server.mode({ kind: 'stall' });
    const context = recordingContext();
    const attempt = failure(connected({}, ['*'], context));
    await expect.poll(() => server.requests.length).toBe(1);
    context.controller.abort();
    expect(await attempt).toMatchObject({ code: 'lost', message: 'The attempt to connect was given up.' });
  });
});

describe('a function call', () => {
  it('answers with what the device returned, over a socket that was dialled for it', async () => {
    const { connection, context } = await connected();
    server.functions.set('line 1/led', (args) => args.length);
    expect(await call(connection, { name: 'led', device: 'line 1' }, 'grün')).toEqual({
      verdict: 'succeeded',
      result: { id: 'line 1', last_app: '', connected: true, return_value: 4 },
    });
    expect(server.requests.at(-1)).toEqual({ method: 'POST', path: '/v1/devices/line%201/led', body: '{"args":"grün"}' });
    expect(context.dialled).toHaveLength(2);
  });

  it('goes to the device and product of the integration', async () => {
    const { connection } = await connected({ deviceNameOrId: 'd', productSlugOrId: 'p' });
    server.functions.set('d/led', () => 1);
    expect(await call(connection, { name: 'led' })).toMatchObject({ verdict: 'succeeded' });
    expect(server.requests.at(-1)?.path).toBe('/v1/products/p/devices/d/led');
  });

  it.each([
    [404, { ok: false, error: 'Function led not found' }, 'failed', 'NotFound', 'Function led not found'],
    [408, { ok: false, error: 'Timed out.' }, 'failed', 'Timeout', 'Timed out.'],
    [403, { error_description: `no access for ${TOKEN}` }, 'failed', 'Forbidden', 'no access for ***'],
    [200, { ok: false, error: 'no' }, 'failed', 'Failed', 'no'],
    [502, {}, 'unknown', 'ServerError', 'Unexpected server response: 502'],
  ] as const)('tells the answer %i %o', async (status, body, verdict, type, message) => {
    const { connection } = await connected();
    server.functions.set('d/led', () => ({ status, body }));
    expect(await call(connection, { name: 'led', device: 'd' })).toEqual({ verdict, error: { type, message } });
  });

  it('that is refused for its token says so of the link too', async () => {
    const { connection, context } = await connected();
    server.tokens.clear();
    expect(await call(connection, { name: 'led', device: 'd' })).toMatchObject({ verdict: 'failed', error: { type: 'Unauthorized' } });
    expect(context.losses).toMatchObject([{ code: 'unauthorized' }]);
  });

  it('is not made again before the cloud takes more', async () => {
    const { connection } = await connected();
    server.functions.set('d/led', () => ({ status: 429, headers: { 'Retry-After': '60' } }));
    expect(await failure(call(connection, { name: 'led', device: 'd' }))).toMatchObject({
      code: 'throttled',
      details: { retryAfterMs: 60_000 },
    });
    const asked = server.requests.length;
    expect(await failure(call(connection, { name: 'led', device: 'd' }))).toMatchObject({ code: 'throttled' });
    expect(server.requests).toHaveLength(asked);
  });

  it('is unknown when the link breaks before the answer, and not made when there is none', async () => {
    const { connection, context } = await connected();
    server.mode({ kind: 'stall' });
    const asked = server.requests.length;
    const outcome = call(connection, { name: 'led', device: 'd' });
    await expect.poll(() => server.requests.length).toBe(asked + 1);
    server.drop();
    expect(await outcome).toMatchObject({ verdict: 'unknown' });
    await expect.poll(() => context.losses.length).toBe(1);
    expect(await failure(call(connection, { name: 'led', device: 'd' }))).toMatchObject({ code: 'lost' });
  });

  it('is waited for when the link is closed in order', async () => {
    const { connection } = await connected();
    server.functions.set('d/led', () => 1);
    server.mode({ kind: 'delay', ms: 50 });
    const outcome = call(connection, { name: 'led', device: 'd' });
    await connection.close({ drain: true });
    expect(await outcome).toMatchObject({ verdict: 'succeeded' });
  });
});
