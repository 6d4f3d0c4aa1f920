import { hostname } from 'node:os';
import { z } from 'zod';
import { EnvironmentError, readEnvironment, setting } from './env.ts';
import { startHealthServer } from './health-server.ts';
import { createLogger, type Logger } from './logging.ts';
import { createMetrics } from './metrics.ts';
import { runProcess, type RunningService } from './shutdown.ts';

/** Settings that every service has. */
const Common = z.object({
  natsUrl: setting.url('nats', 'tls'),
  host: setting.text().default('127.0.0.1'),
  port: setting.port().default(8080),
  replicaId: setting.text().default(`${hostname()}-${process.pid}`),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});
const COMMON = {
  natsUrl: 'SLUICE_NATS_URL',
  host: 'SLUICE_HOST',
  port: 'SLUICE_HTTP_PORT',
  replicaId: 'SLUICE_REPLICA_ID',
  logLevel: 'SLUICE_LOG_LEVEL',
} as const;

export interface ServiceSettings extends z.infer<typeof Common> {
  readonly standalone: false;
  readonly log: Logger;
}

/**
 * Runs a service as its own process: reads its settings once (exit 2 naming what is wrong), logs, and ends in order by SIGTERM. `readOwn` reads those it has
 * besides the common ones. `health`: it has no HTTP of its own, so `/healthz`, `/readyz` and `/metrics` are served for it on SLUICE_HTTP_PORT.
 */
export function runService<T extends object>(
  service: string,
  readOwn: (environment: NodeJS.ProcessEnv) => T,
  start: (settings: ServiceSettings & T) => Promise<RunningService>,
  options: { readonly health: boolean },
): void {
  try {
    const common = readEnvironment(Common, COMMON, process.env);
    const own = readOwn(process.env);
    const log = createLogger({ service, replicaId: common.replicaId, level: common.logLevel });
    const run = (): Promise<RunningService> => start({ ...common, ...own, standalone: false, log });
    runProcess(log, options.health ? () => withHealth(service, common, run) : run);
  } catch (error) {
    process.stderr.write(`${error instanceof EnvironmentError ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

async function withHealth(
  service: string,
  { host, port }: { host: string; port: number },
  start: () => Promise<RunningService>,
): Promise<RunningService> {
  const running = await start();
  const metrics = createMetrics(service, { processMetrics: true });
  const health = await startHealthServer({ host, port, parts: { [service]: () => running.ready() }, metrics: metrics.registry });
  return {
    ready: () => running.ready(),
    stop: async () => {
      await running.stop();
      await health.stop();
    },
  };
}
