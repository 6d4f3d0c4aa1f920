import { type IncomingHttpHeaders, type IncomingMessage, type Server, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Certificates } from './certificates.ts';

/** accept: upgrades. refuse: answers with a status instead. stall: takes connections and answers nothing. delay: upgrades after a while. */
export type WebsocketMode =
  | { kind: 'accept' }
  | { kind: 'refuse'; status: number; headers?: Record<string, string> }
  | { kind: 'stall' }
  | { kind: 'delay'; ms: number };

export interface WebsocketServerOptions {
  readonly tls?: Certificates;
  /** Only clients with a certificate of the authority are let in. */
  readonly clientCertificate?: boolean;
  readonly basic?: { readonly username: string; readonly password: string };
  /** Others are answered 401. */
  readonly accepts?: (headers: IncomingHttpHeaders) => boolean;
  readonly port?: number;
  /** False: it chooses none of those that are offered; default: the first. */
  readonly subprotocols?: false;
  /** Sent to each client right behind the answer to its upgrade. */
  readonly greeting?: string;
}

export interface TestWebsocketServer {
  /** Begins with ws:// or wss://, without a path. */
  readonly url: string;
  /** Upgrade requests that came, oldest first. */
  readonly requests: { readonly url: string; readonly headers: IncomingHttpHeaders }[];
  /** Messages that came, oldest first. */
  readonly received: { readonly path: string; readonly data: Buffer; readonly binary: boolean }[];
  readonly clients: ReadonlySet<WebSocket>;
  mode(mode: WebsocketMode): void;
  /** Answers no ping any more, while everything else goes on. */
  silence(): void;
  /** Sends to every client, or to those at a path. */
  broadcast(data: string | Buffer, path?: string): void;
  /** Whether there is a client at a path. */
  connected(path: string): boolean;
  /** Closes every link with a close frame. */
  close(code: number, reason?: string): void;
  /** Breaks every link, as a network does. */
  drop(): void;
  stop(): Promise<void>;
}

/**
 * A WebSocket server on 127.0.0.1 that can refuse, drop, stall and delay on demand. Its answer to an upgrade carries the header `x-served-by: sluice-test`;
 * below `/missing` there is nothing.
 */
export async function startWebsocketServer(options: WebsocketServerOptions = {}): Promise<TestWebsocketServer> {
  const { tls, basic } = options;
  let mode: WebsocketMode = { kind: 'accept' };
  const requests: TestWebsocketServer['requests'] = [];
  const received: TestWebsocketServer['received'] = [];
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const http: Server =
    tls === undefined
      ? createServer()
      : createTlsServer({
          cert: tls.server.certificate,
          key: tls.server.key,
          ca: tls.ca,
          requestCert: options.clientCertificate === true,
          rejectUnauthorized: options.clientCertificate === true,
        });
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    ...(options.subprotocols === false ? { handleProtocols: () => false as const } : {}),
  });
  server.on('headers', (headers) => headers.push('x-served-by: sluice-test'));
  const paths = new WeakMap<WebSocket, string>();
  server.on('connection', (client: WebSocket, { url: path = '' }: IncomingMessage) => {
    paths.set(client, path);
    if (options.greeting !== undefined) client.send(options.greeting);
    client.on('error', () => client.terminate());
    client.on('message', (data, binary) => received.push({ path, data: data as Buffer, binary }));
  });
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const upgrade = (request: IncomingMessage, socket: Socket, head: Buffer): void =>
    server.handleUpgrade(request, socket, head, (client) => server.emit('connection', client, request));
  const refuse = (socket: Socket, status: number, headers: Record<string, string> = {}): void => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}Connection: close\r\nContent-Length: 0\r\n\r\n`);
  };
  http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    requests.push({ url: request.url ?? '', headers: request.headers });
    if (mode.kind === 'stall') return;
    if (mode.kind === 'refuse') return refuse(socket, mode.status, mode.headers);
    if (request.url?.startsWith('/missing') === true) return refuse(socket, 404);
    const wanted = basic && `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
    if (wanted !== undefined && request.headers.authorization !== wanted)
      return refuse(socket, 401, { 'WWW-Authenticate': 'Basic realm="test"' });
    if (options.accepts?.(request.headers) === false) return refuse(socket, 401);
    if (mode.kind === 'accept') return upgrade(request, socket, head);
    const timer = setTimeout(() => {
      timers.delete(timer);
      upgrade(request, socket, head);
    }, mode.ms);
    timers.add(timer);
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `${tls === undefined ? 'ws://127.0.0.1' : 'wss://localhost'}:${(http.address() as AddressInfo).port}`,
    requests,
    received,
    clients: server.clients,
    mode: (next) => void (mode = next),
    silence: () => {
      server.options.autoPong = false;
      for (const client of server.clients) client.pong = () => undefined;
    },
    broadcast: (data, path) => {
      for (const client of server.clients) if (path === undefined || paths.get(client) === path) client.send(data);
    },
    connected: (path) => [...server.clients].some((client) => paths.get(client) === path),
    close: (code, reason) => {
      for (const client of server.clients) client.close(code, reason);
    },
    drop: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: async () => {
      for (const timer of timers) clearTimeout(timer);
      for (const client of server.clients) client.terminate();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
