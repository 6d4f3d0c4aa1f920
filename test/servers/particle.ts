import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** accept: serves. refuse: answers every request with a status. stall: takes requests and answers nothing. delay: serves after a while. */
export type ParticleMode =
  | { kind: 'accept' }
  | { kind: 'refuse'; status: number; headers?: Record<string, string> }
  | { kind: 'stall' }
  | { kind: 'delay'; ms: number };

export interface PublishedEvent {
  readonly name: string;
  readonly data: unknown;
  readonly coreid?: string;
  readonly ttl?: number | string;
  readonly published_at?: string;
}

/** What a function of a device does: its return value, or an answer of the test's own. */
export type DeviceFunction = (args: string) => number | { status: number; headers?: Record<string, string>; body?: unknown };

interface EventStream {
  readonly response: ServerResponse;
  readonly token: string;
  readonly path: string;
  readonly prefix: string;
}

export interface TestParticleServer {
  /** For SLUICE_PARTICLE_URL. */
  readonly url: string;
  /** Tokens that are accepted. */
  readonly tokens: Set<string>;
  /** `<device>/<function>`; any scope. */
  readonly functions: Map<string, DeviceFunction>;
  /** Requests that came, oldest first; `path` without the query. */
  readonly requests: { readonly method: string; readonly path: string; readonly body: string }[];
  /** Paths of the streams that are open. */
  readonly streams: readonly string[];
  mode(mode: ParticleMode): void;
  /** Sends an event to every stream whose prefix it has. */
  publish(event: PublishedEvent): void;
  /** Writes bytes to every stream as they are. */
  raw(bytes: string | Buffer): void;
  /** Sends no keep-alive any more. */
  silence(): void;
  /** Accepts a token no longer and ends its streams. */
  revoke(token: string): void;
  /** Breaks every connection, as a network does. */
  drop(): void;
  stop(): Promise<void>;
}

const MISSING = { ok: false, error: 'Not found' };
const INVALID_TOKEN = { error: 'invalid_token', error_description: 'The access token provided is invalid.' };

function reply(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * A Particle cloud on 127.0.0.1: tokens, event streams of every scope, function calls; it can refuse, drop, stall and delay on demand. Like the real one it
 * sends a keep-alive every 9 s (`keepAliveMs`), begins a stream with `:ok`, and filters by a prefix of the name only.
 */
export async function startParticleServer(options: { keepAliveMs?: number; port?: number } = {}): Promise<TestParticleServer> {
  let mode: ParticleMode = { kind: 'accept' };
  const tokens = new Set(['good-token']);
  const functions = new Map<string, DeviceFunction>();
  const requests: TestParticleServer['requests'] = [];
  const streams = new Set<EventStream>();
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const write = (bytes: string | Buffer): void => {
    for (const { response } of streams) response.write(bytes);
  };
  const keepAlive = setInterval(() => write('\n'), options.keepAliveMs ?? 9_000);

  const openStream = (path: string, token: string, response: ServerResponse): void => {
    const [, scope = '', prefix = ''] = /^(.*)\/events(?:\/(.*))?$/.exec(path) ?? [];
    if (scope.includes('missing')) return reply(response, 404, MISSING);
    const stream = { response, token, path, prefix: decodeURIComponent(prefix) };
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache' });
    response.write(':ok\n\n');
    streams.add(stream);
    response.once('close', () => streams.delete(stream));
  };
  const callFunction = (path: string, body: string, response: ServerResponse): void => {
    const [, device = '', name = ''] = /\/devices\/([^/]+)\/([^/]+)$/.exec(path)?.map(decodeURIComponent) ?? [];
    const called = functions.get(`${device}/${name}`);
    if (called === undefined) return reply(response, 404, { ok: false, error: `Function ${name} not found` });
    const result = called((JSON.parse(body) as { args: string }).args);
    if (typeof result === 'number') reply(response, 200, { id: device, name, connected: true, return_value: result });
    else reply(response, result.status, result.body ?? {}, result.headers);
  };
  const serve = (request: IncomingMessage, response: ServerResponse, path: string, body: string): void => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!tokens.has(token)) return reply(response, 401, INVALID_TOKEN);
    if (request.method === 'GET' && /^\/v1\/(.*\/)?events(\/[^/]*)?$/.test(path)) return openStream(path, token, response);
    if (request.method === 'POST') return callFunction(path, body, response);
    reply(response, 404, MISSING);
  };
  const server = createServer((request, response) => {
    response.on('error', () => response.destroy());
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    bodyOf(request).then(
      (body) => {
        requests.push({ method: request.method ?? '', path, body });
        if (mode.kind === 'stall') return;
        if (mode.kind === 'refuse') return reply(response, mode.status, { error: 'refused' }, mode.headers);
        if (mode.kind === 'accept') return serve(request, response, path, body);
        const timer = setTimeout(() => {
          timers.delete(timer);
          serve(request, response, path, body);
        }, mode.ms);
        timers.add(timer);
      },
      () => response.destroy(),
    );
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokens,
    functions,
    requests,
    get streams() {
      return [...streams].map(({ path }) => path);
    },
    mode: (next) => void (mode = next),
    publish: ({ name, data, coreid = '0123456789abcdef01234567', ttl = 60, published_at = '2026-11-25T02:00:00.000Z' }) => {
      for (const { response, prefix } of streams)
        if (name.startsWith(prefix)) response.write(`event: ${name}\ndata: ${JSON.stringify({ data, ttl, published_at, coreid })}\n\n`);
    },
    raw: write,
    silence: () => clearInterval(keepAlive),
    revoke: (token) => {
      tokens.delete(token);
      for (const stream of streams) if (stream.token === token) stream.response.end();
    },
    drop: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: async () => {
      clearInterval(keepAlive);
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
