import { hostname } from 'node:os';
import {
  createLogger,
  createMetrics,
  EnvironmentError,
  readEnvironment,
  runProcess,
  setting,
  startHealthServer,
  type RunningService,
} from '#lib/platform';
import { z } from 'zod';
import { startRunner, type RunnerOptions } from './index.ts';

const Settings = z.object({
  natsUrl: setting.url('nats', 'tls'),
  postgresUrl: setting.url('postgres', 'postgresql'),
  host: setting.text().default('127.0.0.1'),
  port: setting.port().default(8080),
  replicaId: setting.text().default(`${hostname()}-${process.pid}`),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

async function start(options: RunnerOptions, host: string, port: number): Promise<RunningService> {
  const runner = await startRunner(options);
  const metrics = createMetrics('runner', { processMetrics: true });
  const health = await startHealthServer({ host, port, parts: { runner: () => runner.ready() }, metrics: metrics.registry });
  return {
    ready: () => runner.ready(),
    stop: async () => {
      await runner.stop();
      await health.stop();
    },
  };
}

/** The runner as a process of its own. */
try {
  const { logLevel, host, port, ...settings } = readEnvironment(
    Settings,
    {
      natsUrl: 'SLUICE_NATS_URL',
      postgresUrl: 'SLUICE_POSTGRES_URL',
      host: 'SLUICE_HOST',
      port: 'SLUICE_HTTP_PORT',
      replicaId: 'SLUICE_REPLICA_ID',
      logLevel: 'SLUICE_LOG_LEVEL',
    },
    process.env,
  );
  const log = createLogger({ service: 'runner', replicaId: settings.replicaId, level: logLevel });
  runProcess(log, () => start({ ...settings, standalone: false, log }, host, port));
} catch (error) {
  process.stderr.write(`${error instanceof EnvironmentError ? error.message : String(error)}\n`);
  process.exit(2);
}
