import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '#lib/connector-sdk';
import { type Certificates, makeCertificates } from '../../../../test/servers/certificates.ts';
import { type RecordingContext, bodies, failure, recordingContext } from '../../../../test/servers/connection-context.ts';
import { type TestWebsocketServer, type WebsocketServerOptions, startWebsocketServer } from '../../../../test/servers/websocket.ts';
import type { ResolvedConfig } from './authentication.ts';
import { websocket } from './definition.ts';
import { websocketProvider } from './provider.ts';

let certificates: Certificates;
let server: TestWebsocketServer;
const open: Connection[] = [];
const others: TestWebsocketServer[] = [];

beforeAll(() => {
  certificates = makeCertificates();
});
beforeEach(async () => {
  server = await startWebsocketServer();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close({ drain: false })));
  await Promise.all([server, ...others.splice(0)].map((one) => one.stop()));
});

async function another(options: WebsocketServerOptions): Promise<TestWebsocketServer> {
  const started = await startWebsocketServer(options);
  others.push(started);
  return started;
}

async function connected(
  config: Partial<ResolvedConfig> = {},
  context: RecordingContext = recordingContext(),
): Promise<{ connection: Connection; context: RecordingContext }> {
  const resolved: ResolvedConfig = { url: server.url, ...config };
  const connection = await websocketProvider().connect(
    { integrationId: 'i', applicationId: 'a', topics: [], config: resolved, assignedClientId: 'c' },
    context,
  );
  open.push(connection);
  return { connection, context };
}

const send = async (connection: Connection, payload: string | Buffer, options: Record<string, unknown> = {}) =>
  await connection.send?.({ id: 'r:n:0', payload: Buffer.from(payload), options });

describe('a connection', () => {
  it('is made by the one socket it is given, and proven by the upgrade', async () => {
    const { connection, context } = await connected({
      url: `${server.url}/feed/a?x=%20y`,
      headers: [{ headerKey: 'X-Tenant', headerValue: 'plant' }],
    });
    expect(context.dialled).toEqual([server.url.slice('ws://'.length)]);
    expect(context.proofs).toEqual(['upgrade']);
    expect(server.requests).toMatchObject([{ url: '/feed/a?x=%20y', headers: { 'x-tenant': 'plant' } }]);
    expect(server.requests[0]?.headers).not.toHaveProperty('sec-websocket-extensions');
    expect(connection.connectData).toMatchObject({ headers: { 'x-served-by': 'sluice-test', upgrade: 'websocket' } });
  });

  it('asks the server for a pong', async () => {
    const { connection, context } = await connected();
    await connection.probe();
    expect(context.proofs).toEqual(['upgrade', 'pong']);
  });

  it('has no proof of a server that answers no ping', async () => {
    const { connection, context } = await connected();
    server.silence();
    const probe = connection.probe();
    server.broadcast('still sending');
    await expect.poll(() => bodies(context)).toEqual(['still sending']);
    expect(context.proofs).toEqual(['upgrade']);
    server.drop();
    expect(await failure(probe)).toMatchObject({ code: 'lost' });
  });

  it('ends in order', async () => {
    const { connection, context } = await connected();
    const [client] = server.clients;
    const closed = new Promise((resolve) => client?.once('close', resolve));
    await connection.close({ drain: true });
    expect(await closed).toBe(1000);
    expect(context.losses).toEqual([]);
    expect(await failure(Promise.resolve(send(connection, 'late')))).toMatchObject({ code: 'lost' });
  });
});

describe('messages', () => {
  it('arrive in order, text as text and binary as base64', async () => {
    const { context } = await connected();
    server.broadcast('grüße');
    server.broadcast(Buffer.from([0, 1, 255]));
    await expect.poll(() => context.received.length).toBe(2);
    const headers: unknown = expect.objectContaining({ 'x-served-by': 'sluice-test' });
    expect(context.received.map((message) => websocket.messageData?.(message))).toEqual([
      { message: { data: 'grüße', length: 7 }, headers },
      { message: { data: 'AAH/', length: 3, encoding: 'base64' }, headers },
    ]);
  });

  it('survive in a text frame that is no UTF-8', async () => {
    const { context } = await connected();
    for (const client of server.clients) client.send(Buffer.from([0x61, 0xff]), { binary: false });
    await expect.poll(() => context.received.length).toBe(1);
    expect(context.received.map((message) => websocket.messageData?.(message))).toMatchObject([
      { message: { data: 'Yf8=', length: 2, encoding: 'base64' } },
    ]);
    expect(context.losses).toEqual([]);
  });

  it('that come with the answer to the upgrade are not missed, and come after it', async () => {
    const greeting = await another({ greeting: 'hello' });
    for (let round = 0; round < 10; round++) {
      const { context } = await connected({ url: greeting.url });
      expect(context.received).toEqual([]);
      await expect.poll(() => bodies(context)).toEqual(['hello']);
    }
  });

  it('wait at the source while the runtime takes no more, and none is lost', async () => {
    const context = recordingContext();
    const { dial } = context;
    let socket: Socket | undefined;
    context.dial = async (host, port) => (socket = await dial(host, port));
    await connected({}, context);
    server.broadcast('first');
    await expect.poll(() => bodies(context)).toEqual(['first']);
    context.hold(true);
    const [client] = server.clients;
    const padding = 'x'.repeat(1_000);
    for (let index = 0; index < 20_000; index++) client?.send(`${index} ${padding}`);
    let before = -1;
    const settled = (): boolean => before === (before = socket?.bytesRead ?? 0);
    await expect.poll(settled, { interval: 100 }).toBe(true);
    expect(before).toBeLessThan(1_000_000);
    expect(context.received.splice(0)).toHaveLength(1);
    context.hold(false);
    await expect.poll(() => context.received.length, { timeout: 10_000 }).toBe(20_000);
    expect(bodies(context).every((body, index) => body.startsWith(`${index} `))).toBe(true);
  });

  it('that were read already are handed over when the link breaks', async () => {
    const context = recordingContext();
    const { receive } = context;
    // The first of a chunk fills what the runtime takes.
    context.receive = async (message) => {
      context.hold(true);
      await receive(message);
    };
    await connected({}, context);
    for (const client of server.clients) for (const text of ['first', 'second', 'third']) client.send(text);
    await expect.poll(() => bodies(context)).toEqual(['first']);
    server.drop();
    await expect.poll(() => context.losses.length).toBe(1);
    expect(bodies(context)).toEqual(['first', 'second', 'third']);
  });

  it('beyond the bound end the link with words', async () => {
    const { context } = await connected();
    server.broadcast(Buffer.alloc(9 * 1024 * 1024));
    await expect.poll(() => context.received.length).toBe(1);
    server.broadcast(Buffer.alloc(17 * 1024 * 1024));
    await expect.poll(() => context.losses[0]).toMatchObject({ code: 'lost', details: { data: { statusCode: 1009 } } });
    expect(context.received).toHaveLength(1);
  });
});

describe('a send', () => {
  it('is a text frame where it is text, else a binary one, or as it is told', async () => {
    const { connection } = await connected();
    expect(await send(connection, 'text')).toEqual({ verdict: 'succeeded' });
    await send(connection, Buffer.from([0xff]));
    await send(connection, 'text', { binary: true });
    await expect
      .poll(() => server.received.map(({ data, binary }) => [data.toString('latin1'), binary]))
      .toEqual([
        ['text', false],
        ['ÿ', true],
        ['text', true],
      ]);
  });

  it('is refused by a link that ended', async () => {
    const { connection, context } = await connected();
    server.drop();
    await expect.poll(() => context.losses.length).toBe(1);
    expect(await failure(Promise.resolve(send(connection, 'late')))).toMatchObject({ name: 'ConnectorError', code: 'lost' });
  });
});

describe('credentials', () => {
  it('are Basic', async () => {
    const basic = await another({ basic: { username: 'u', password: 'opensesame' } });
    await connected({ url: basic.url, username: 'u', password: 'opensesame' });
    const refused = await failure(connected({ url: basic.url, username: 'u', password: 'wrongone' }));
    expect(refused).toMatchObject({ code: 'unauthorized', details: { data: { statusCode: 401 } } });
    expect(String(refused)).not.toContain('wrongone');
  });

  it('are a client certificate, of the configuration or of a credential', async () => {
    const tls = await another({ tls: certificates, clientCertificate: true });
    const { certificate, key: privateKey } = certificates.client;
    const { context } = await connected({ url: tls.url, caCertificate: certificates.ca, certificate, privateKey });
    expect(context.dialled).toEqual([tls.url.slice('wss://'.length)]);
    await connected({
      url: tls.url,
      caCertificate: certificates.ca,
      credential: { authMethod: 'clientCertificate', uriMatch: tls.url, publicValue: certificate, secretValue: privateKey },
    });
    const refused = await failure(connected({ url: tls.url, caCertificate: certificates.ca }));
    expect(refused).toMatchObject({ code: 'unauthorized' });
  });

  it('need a server that is trusted, unless verification is off', async () => {
    const tls = await another({ tls: certificates });
    expect(await failure(connected({ url: tls.url }))).toMatchObject({ code: 'misconfigured' });
    await connected({ url: tls.url, disableSSLVerification: true });
  });

  it('are a header or a query parameter of an HTTP credential', async () => {
    const own = { uriMatch: server.url, publicValue: 'X-Key', secretValue: 's3cret' };
    await connected({ credential: { ...own, authMethod: 'header' } });
    await connected({ url: `${server.url}/feed`, credential: { ...own, authMethod: 'queryParam' } });
    expect(server.requests).toMatchObject([{ headers: { 'x-key': 's3cret' } }, { url: '/feed?X-Key=s3cret' }]);
  });
});

describe('subprotocols', () => {
  const offering = (headerValue: string) => ({ headers: [{ headerKey: 'sec-websocket-protocol', headerValue }] });

  it('are offered as the header names them, and one is chosen', async () => {
    const { connection } = await connected(offering('ocpp2.0, ocpp1.6'));
    expect(server.requests[0]?.headers['sec-websocket-protocol']).toBe('ocpp2.0,ocpp1.6');
    expect(connection.connectData).toMatchObject({ headers: { 'sec-websocket-protocol': 'ocpp2.0' } });
  });

  it('that the server speaks none of are the user’s to settle', async () => {
    const deaf = await another({ subprotocols: false });
    expect(await failure(connected({ url: deaf.url, ...offering('ocpp2.0') }))).toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('Sec-WebSocket-Protocol') as string,
    });
  });
});

describe('what goes wrong', () => {
  it.each([
    [401, {}, 'unauthorized', undefined],
    [403, {}, 'unauthorized', undefined],
    [404, {}, 'misconfigured', undefined],
    [200, {}, 'misconfigured', undefined],
    [302, { location: 'http://127.0.0.1/?token=s3cret' }, 'misconfigured', undefined],
    [429, { 'Retry-After': '7' }, 'throttled', 7_000],
    [503, {}, 'lost', undefined],
  ] as const)('is told of the status %i', async (status, headers, code, retryAfterMs) => {
    server.mode({ kind: 'refuse', status, headers: { ...headers } });
    const refused = await failure(connected());
    expect(refused).toMatchObject({ name: 'ConnectorError', code, details: { data: { statusCode: status } } });
    expect((refused as { details: { retryAfterMs?: number } }).details.retryAfterMs).toBe(retryAfterMs);
    expect(String(refused)).toContain(`Unexpected server response: ${status}`);
    expect(String(refused)).not.toContain('s3cret');
  });

  it('is a server that never answers, until the runtime gives up', async () => {
    server.mode({ kind: 'stall' });
    const context = recordingContext();
    const attempt = failure(connected({}, context));
    await expect.poll(() => server.requests.length).toBe(1);
    context.controller.abort();
    expect(await attempt).toMatchObject({ code: 'lost', message: 'The attempt to connect was given up.' });
  });

  it('is not a server that is slow', async () => {
    server.mode({ kind: 'delay', ms: 50 });
    await connected();
    expect(server.clients.size).toBe(1);
  });

  it('is a server that speaks something else', async () => {
    const tls = await another({ tls: certificates });
    expect(await failure(connected({ url: tls.url.replace('wss://localhost', 'ws://127.0.0.1') }))).toMatchObject({
      name: 'ConnectorError',
    });
    expect(await failure(connected({ url: server.url.replace('ws:', 'wss:') }))).toMatchObject({ code: 'misconfigured' });
  });

  it.each([
    [1000, 'lost'],
    [1013, 'throttled'],
    [4401, 'unauthorized'],
  ] as const)('is told of the close code %i with what the server says, its own secrets aside', async (statusCode, code) => {
    const { context } = await connected({ headers: [{ headerKey: 'X-Key', headerValue: 's3cret' }] });
    server.close(statusCode, 'no s3cret');
    await expect
      .poll(() => context.losses)
      .toMatchObject([{ name: 'ConnectorError', code, details: { data: { statusCode, reason: 'no ***' } } }]);
    expect(context.losses[0]?.message).toContain(`(${statusCode}): no ***`);
  });

  it('is a link that garbles the answer of a server that was understood before, which is not called something else', async () => {
    let garbles = false;
    const stranger = createServer((socket) => {
      socket.on('error', () => undefined);
      if (garbles) return void socket.end('\u001aTTP/1.1 101\r\n\r\n');
      const through = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
      through.on('error', () => undefined);
      return void socket.pipe(through).pipe(socket);
    });
    await new Promise<void>((resolve) => void stranger.listen(0, '127.0.0.1', resolve));
    const url = `ws://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    garbles = true;
    expect(await failure(connected({ url }))).toMatchObject({ code: 'misconfigured' });
    garbles = false;
    await connected({ url });
    garbles = true;
    expect(await failure(connected({ url }))).toMatchObject({ code: 'lost' });
    stranger.close();
  });

  it('is a link that breaks', async () => {
    const { context } = await connected();
    server.drop();
    await expect
      .poll(() => context.losses)
      .toMatchObject([{ code: 'lost', message: 'Connection Lost', details: { data: { statusCode: 1006 } } }]);
  });

  it('starts runs in the shape of a websocket', () => {
    const end = { kind: 'failure', reason: 'Connection refused', deliberate: false } as const;
    expect(websocket.endData?.(end)).toEqual({ message: { statusCode: 1006, reason: 'Connection refused' } });
    expect(websocket.endData?.({ ...end, data: { statusCode: 200, reason: 'Unexpected server response: 200' } })).toEqual({
      message: { statusCode: 200, reason: 'Unexpected server response: 200' },
    });
    expect(websocket.endData?.({ kind: 'disconnect', reason: 'Disabled', deliberate: true })).toEqual({
      message: { statusCode: 1000, reason: 'Disabled' },
    });
  });
});
