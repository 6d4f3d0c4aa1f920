import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { reportReadiness, type Readiness } from './readiness.ts';

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  readonly parts: Readonly<Record<string, () => Readiness>>;
  readonly metrics: Registry;
}

/** `/healthz`, `/readyz` and `/metrics` of a service that has no HTTP of its own. */
export async function startHealthServer(options: HealthServerOptions): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const path = (request.url ?? '').split('?')[0];
    if (path === '/healthz') return answer(200, { status: 'ok' });
    if (path === '/readyz') {
      const report = reportReadiness(options.parts);
      return answer(report.ready ? 200 : 503, report);
    }
    if (path !== '/metrics') return answer(404, { type: 'NotFound', message: 'no such page' });
    options.metrics.metrics().then(
      (text) => response.writeHead(200, { 'content-type': options.metrics.contentType }).end(text),
      () => answer(503, { type: 'Unavailable', message: 'the metrics could not be read' }),
    );
  });
  await listening(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listening(server: Server, at: { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => resolve());
  });
}
