import { createHash } from 'node:crypto';
import { startConfig } from '../../config/src/index.ts';
import { startConnector } from '../../connector/src/index.ts';
import { startGateway } from '../../gateway/src/index.ts';
import { startDispatch } from '../../workflow-dispatch/src/index.ts';
import { startRunner } from '../../workflow-runner/src/index.ts';
import { IntegrationType } from '#lib/contracts';
import { migrateBus } from '#lib/messaging';
import { type Logger, type Readiness, type Registry, reportReadiness, type RunningService } from '#lib/platform';
import { createMasterKeyFile } from '#lib/secrets';
import { banner } from './banner.ts';
import { DataFolder } from './data-folder.ts';
import { type Api, startDemo } from './demo.ts';
import { freePort } from './servers/child.ts';
import { keepRunning } from './servers/keep-running.ts';
import { type NatsServer, startNatsServer } from './servers/nats-server.ts';
import { type PostgresServer, startPostgres } from './servers/postgres.ts';
import type { Settings } from './settings.ts';

/** Starts both servers, every service and the demo; prints the banner when all is ready. Whatever was started is stopped again when the start fails. */
export async function startProduct(settings: Settings, log: Logger): Promise<RunningService> {
  const begun = performance.now();
  const folder = DataFolder.open(settings.dataDir);
  const stops: (() => Promise<void>)[] = [async () => folder.release()];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    await folder.awaitLeftovers();
    const parts = await startParts(settings, folder, log, stops);
    await untilReady(parts);
    const api = apiOf(parts.httpUrl, folder.adminToken());
    const demo = settings.demo ? await startDemo(folder, api) : undefined;
    if (demo !== undefined) stops.push(() => demo.stop());
    process.stdout.write(
      banner({
        httpUrl: parts.httpUrl,
        natsUrl: parts.natsUrl,
        dataDir: folder.path,
        tokenFile: folder.file('admin-token'),
        token: process.stdout.isTTY ? folder.adminToken() : undefined,
        sync: settings.sync,
        seconds: (performance.now() - begun) / 1_000,
        demo,
      }),
    );
    return { ready: parts.ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Parts {
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly ready: () => Readiness;
}

/** Starts servers and services in the order they need each other; pushes how to stop each one. */
async function startParts(settings: Settings, folder: DataFolder, log: Logger, stops: (() => Promise<void>)[]): Promise<Parts> {
  const { host } = settings;
  const postgresPort = await freePort();
  const [nats, postgres] = await Promise.all([
    keepRunning<NatsServer>(
      () =>
        startNatsServer({ program: settings.natsServer, dataDir: folder.file('nats'), host, port: settings.natsPort, sync: settings.sync }),
      serverReport(folder, log, 'nats-server'),
    ),
    keepRunning<PostgresServer>(
      () => startPostgres({ dataDir: folder.file('postgres'), host: '127.0.0.1', port: postgresPort }),
      serverReport(folder, log, 'PostgreSQL'),
    ),
  ]);
  stops.push(async () => {
    await Promise.all([nats.stop(), postgres.stop()]);
  });
  const natsUrl = nats.current().url;
  const postgresUrl = postgres.current().url;
  const masterKeyFile = settings.masterKeyFile ?? folder.file('master-key');
  await createMasterKeyFile(masterKeyFile);
  await migrateBus({ servers: natsUrl, name: 'migrator' }, { streamBytes: settings.streamBytes, replicas: 1 });

  const shared = { natsUrl, replicaId: 'standalone', standalone: true, log };
  const running: Record<string, RunningService> = {};
  const keep = async (name: string, starting: Promise<RunningService>): Promise<void> => {
    const service = await starting;
    running[name] = service;
    stops.push(() => service.stop());
  };
  const adminTokenHash = createHash('sha256').update(folder.adminToken()).digest('hex');
  await keep('config', startConfig({ ...shared, postgresUrl, masterKeyFile, egressAllow: settings.egressAllow, adminTokenHash }));
  await Promise.all([
    keep('workflow-dispatch', startDispatch({ ...shared, postgresUrl })),
    keep('workflow-runner', startRunner({ ...shared, postgresUrl, masterKeyFile, egressAllow: settings.egressAllow })),
  ]);
  const registries: Registry[] = [];
  await Promise.all(
    IntegrationType.options.map(async (type) => {
      const starting = startConnector({ ...shared, type, masterKeyFile, egressAllow: settings.egressAllow });
      await keep(`connector-${type}`, starting);
      registries.push((await starting).metrics);
    }),
  );
  const parts: Record<string, () => Readiness> = {
    'nats-server': () => (nats.up ? { ok: true } : { ok: false, reason: 'it ended and is being started again' }),
    PostgreSQL: () => (postgres.up ? { ok: true } : { ok: false, reason: 'it ended and is being started again' }),
  };
  const ready = (): Readiness => {
    for (const [name, service] of Object.entries(running)) parts[name] = () => service.ready();
    const report = reportReadiness(parts);
    return report.ready ? { ok: true } : { ok: false, reason: report.reasons.join('; ') };
  };
  const gateway = await startGateway({
    natsUrl,
    replicaId: 'standalone',
    host,
    port: settings.httpPort,
    readiness: ready,
    log,
    metrics: registries,
  });
  stops.push(() => gateway.stop());
  folder.writeEndpoints({ http: gateway.url, grpc: `${host}:${settings.grpcPort}`, nats: natsUrl, postgres: postgresUrl });
  return { httpUrl: gateway.url, natsUrl, ready };
}

const serverReport = (folder: DataFolder, log: Logger, name: string): Parameters<typeof keepRunning>[1] => ({
  started: (server) => folder.rememberServer(name, server.pid),
  ended: (code) => log.error({ server: name, code }, 'a server ended unasked; starting it again'),
  failed: (error) => log.error({ server: name, err: error }, 'a server could not be started again yet'),
});

/** Waits until every part says it is ready; throws with the reasons after 30 s. */
async function untilReady(parts: Parts): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const now = parts.ready();
    if (now.ok) return;
    if (performance.now() > deadline) throw new Error(`not ready within 30 s: ${now.reason ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const apiOf =
  (url: string, token: string): Api =>
  async (method, path, body) => {
    const answer = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const read = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(`the demo could not be seeded: ${method} ${path} answered ${answer.status} ${String(read['message'])}`);
    return read;
  };
