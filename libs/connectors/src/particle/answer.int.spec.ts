import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { makeCertificates } from '../../../../test/servers/certificates.ts';
import { recordingContext } from '../../../../test/servers/connection-context.ts';
import type { Answer } from './answer.ts';
import { exchange } from './request.ts';

// What a server may send, byte for byte: the cloud's own answers are in particle.int.spec.ts.

const TOKEN = 's3cret-token';
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

type Reply = (socket: Socket, request: Buffer) => unknown;

const serving = (reply: Reply) => (socket: Socket) => {
  socket.on('error', () => undefined);
  socket.once('data', (request) => void reply(socket, request));
};

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A server that no test has asked before; `reply` is called once the request is there. */
const stranger = async (reply: Reply): Promise<URL> => new URL(`http://127.0.0.1:${await portOf(createServer(serving(reply)))}/base/`);

async function ask(url: URL, body?: string): Promise<Answer> {
  const request = {
    method: body === undefined ? 'GET' : 'POST',
    path: '/x',
    headers: {},
    ...(body === undefined ? {} : { body }),
  } as const;
  return await exchange({ url, accessToken: TOKEN }, request, recordingContext());
}
const bodyOf = async (url: URL): Promise<string> => (await buffer((await ask(url)).body)).toString();
const failure = async (work: Promise<unknown>): Promise<Error> =>
  await work.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as Error,
  );

/** So that each byte is a chunk of its own. */
async function byteByByte(socket: Socket, bytes: string): Promise<void> {
  for (const byte of Buffer.from(bytes)) {
    socket.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
}

it('sends a request as it is: its own path, headers and length', async () => {
  let seen = '';
  const url = await stranger((socket, request) => {
    seen = request.toString();
    socket.end('HTTP/1.1 204 No Content\r\n\r\n');
  });
  expect(await ask(url, '{"ä":1}')).toMatchObject({ statusCode: 204 });
  expect(seen).toBe(
    `POST /base/x HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer ${TOKEN}\r\nUser-Agent: sluice\r\nContent-Length: 8\r\n\r\n{"ä":1}`,
  );
});

it.each([
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhal\r\n2\r\nlo\r\n0\r\nTrailer: t\r\n\r\n'],
  ['of a length', 'Content-Length: 5\r\n\r\nhallo'],
  ['until the end of the link', 'Connection: close\r\n\r\nhallo'],
])('reads a body %s, cut anywhere, behind answers that are none yet', async (_, rest) => {
  const bytes = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\n${rest}`;
  const cut = await stranger(async (socket) => {
    await byteByByte(socket, bytes);
    socket.end();
  });
  const answer = await ask(cut);
  expect(answer).toMatchObject({ statusCode: 200, headers: { 'x-a': '1, 2' } });
  expect((await buffer(answer.body)).toString()).toBe('hallo');
  expect(await bodyOf(await stranger((socket) => socket.end(bytes)))).toBe('hallo');
});

it('ends with the answer, whatever follows it: more of it, or a reset', async () => {
  let peer: Socket | undefined;
  const url = await stranger((socket) => {
    peer = socket;
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad');
  });
  const context = recordingContext();
  const { dial } = context;
  let link: Socket | undefined;
  context.dial = async (host, port) => (link = await dial(host, port));
  const { body } = await exchange({ url, accessToken: TOKEN }, { method: 'GET', path: '/', headers: {} }, context);
  peer?.resetAndDestroy();
  await expect.poll(() => link?.closed).toBe(true);
  expect((await buffer(body)).toString()).toBe('ok');
});

it.each([
  ['a greeting', '220 mail.example\r\n'],
  ['a greeting without an end', 'SSH-2.0-x'],
  ['an alert of TLS', '\u0015\u0003\u0001\u0000\u0002\u0002\u0016'],
  ['a head beyond 16 KB', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`],
  ['a line beyond 16 KB', `HTTP/1.1 200 ${'x'.repeat(17_000)}`],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['the request', undefined],
])('is not called HTTP where the server sends %s; of one that was understood before, it is damage', async (_, bytes) => {
  let understood = false;
  const url = await stranger((socket, request) => socket.end(understood ? 'HTTP/1.1 204 None\r\n\r\n' : (bytes ?? request), 'latin1'));
  const wrong = await failure(ask(url));
  expect(wrong).toMatchObject({ code: 'misconfigured', message: 'The server does not speak HTTP: check SLUICE_PARTICLE_URL.' });
  expect(`${wrong.message} ${String(wrong.cause)}`).not.toContain(TOKEN);
  understood = true;
  await ask(url);
  understood = false;
  expect(await failure(ask(url))).toMatchObject({ code: 'lost', message: 'An answer of the server cannot be read.' });
});

it.each([
  ['nothing', (socket: Socket) => socket.end()],
  ['a reset', (socket: Socket) => socket.resetAndDestroy()],
])('is a lost link where the answer is %s', async (_, reply) => {
  expect(await failure(ask(await stranger(reply)))).toMatchObject({ code: 'lost' });
});

it.each([
  ['a chunk that is cut off', 'Transfer-Encoding: chunked\r\n\r\n9\r\nhal'],
  ['a chunk below nothing', 'Transfer-Encoding: chunked\r\n\r\n1\r\nA\r\n-6\r\nx'],
  ['a chunk without bounds', `Transfer-Encoding: chunked\r\n\r\n${'1'.repeat(17)}\r\n`],
  ['an extension without bounds', `Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(17_000)}`],
  ['a trailer without bounds', `Transfer-Encoding: chunked\r\n\r\n0\r\n${'x'.repeat(17_000)}`],
  ['a length that is not reached', 'Content-Length: 9\r\n\r\nhal'],
])('fails, and ends no process, with %s, at once or behind the head', async (_, rest) => {
  const head = 'HTTP/1.1 200 OK\r\n';
  const late = await stranger(async (socket) => {
    await byteByByte(socket, `${head}${rest.slice(0, rest.indexOf('\r\n\r\n') + 4)}`);
    socket.end(rest.slice(rest.indexOf('\r\n\r\n') + 4));
  });
  const { body } = await ask(late);
  expect(await failure(buffer(body))).toBe(body.errored);
  expect(body.destroyed).toBe(true);
  expect(await failure(bodyOf(await stranger((socket) => socket.end(`${head}${rest}`))))).toBeInstanceOf(Error);
});

it('is refused where what stands right behind its head cannot be read, as nobody would be told later', async () => {
  const url = await stranger((socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n'));
  expect(await failure(ask(url))).toMatchObject({ code: 'lost' });
});

it('reads no further than it is asked to', async () => {
  const context = recordingContext();
  const { dial } = context;
  let link: Socket | undefined;
  context.dial = async (host, port) => (link = await dial(host, port));
  const size = 8 * 1024 * 1024;
  const url = await stranger((socket) => socket.end(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), Buffer.alloc(size, 'x')])));
  const { body } = await exchange({ url, accessToken: TOKEN }, { method: 'GET', path: '/', headers: {} }, context);
  let before = -1;
  await expect.poll(() => before === (before = link?.bytesRead ?? 0), { interval: 100 }).toBe(true);
  expect(before).toBeLessThan(1024 * 1024);
  expect(await buffer(body)).toHaveLength(size);
});

it('speaks TLS where the URL says so, to a server that is trusted', async () => {
  const { ca, server } = makeCertificates();
  const reply = serving((socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'));
  const port = await portOf(createTlsServer({ cert: server.certificate, key: server.key }, reply));
  const trusted = getCACertificates('default');
  setDefaultCACertificates([ca]);
  try {
    expect(await bodyOf(new URL(`https://127.0.0.1:${port}`))).toBe('ok');
  } finally {
    setDefaultCACertificates(trusted);
  }
});
