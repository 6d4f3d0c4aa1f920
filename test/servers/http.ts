import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Certificates } from './certificates.ts';

export interface HttpServerOptions {
  readonly tls?: Certificates;
  /** Only clients with a certificate of the authority are let in. */
  readonly clientCertificate?: boolean;
}

export interface TestHttpServer {
  /** Without a path. */
  readonly url: string;
  /** What came, oldest first. */
  readonly requests: { readonly method: string; readonly url: string; readonly headers: IncomingHttpHeaders; readonly body: string }[];
  /** Connections that were made. */
  readonly connections: number;
  /** How a path, without its query, is answered; any other with 200 and `{"ok": true}`. */
  on(path: string, answer: (request: IncomingMessage, response: ServerResponse) => void): void;
  stop(): Promise<void>;
}

/** An HTTP server on 127.0.0.1 that does as it is told. */
export async function startHttpServer({ tls, clientCertificate = false }: HttpServerOptions = {}): Promise<TestHttpServer> {
  const answers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  const requests: TestHttpServer['requests'] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      requests.push({ method, url, headers, body: Buffer.concat(parts).toString('latin1') });
      const answer = answers.get(url.split('?')[0] ?? '');
      if (answer !== undefined) return answer(request, response);
      response.setHeader('content-type', 'application/json').end('{"ok": true}');
    });
  };
  const server: Server =
    tls === undefined
      ? createServer(listener)
      : createTlsServer(
          {
            cert: tls.server.certificate,
            key: tls.server.key,
            ca: tls.ca,
            requestCert: clientCertificate,
            rejectUnauthorized: clientCertificate,
          },
          listener,
        );
  server.keepAliveTimeout = 0; // who asks ends a connection that nothing comes over
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections;
    },
    on: (path, answer) => void answers.set(path, answer),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
