import { hostname } from 'node:os';
import { createLogger, EnvironmentError, readEnvironment, runProcess, setting } from '#lib/platform';
import { z } from 'zod';
import { startGateway } from './index.ts';

const Settings = z.object({
  natsUrl: setting.url('nats', 'tls'),
  host: setting.text().default('127.0.0.1'),
  port: setting.port().default(8080),
  replicaId: setting.text().default(`${hostname()}-${process.pid}`),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** The gateway as a process of its own. */
try {
  const { logLevel, ...settings } = readEnvironment(
    Settings,
    {
      natsUrl: 'SLUICE_NATS_URL',
      host: 'SLUICE_HOST',
      port: 'SLUICE_HTTP_PORT',
      replicaId: 'SLUICE_REPLICA_ID',
      logLevel: 'SLUICE_LOG_LEVEL',
    },
    process.env,
  );
  const log = createLogger({ service: 'gateway', replicaId: settings.replicaId, level: logLevel });
  runProcess(log, () => startGateway({ ...settings, readiness: () => ({ ok: true }), log }));
} catch (error) {
  process.stderr.write(`${error instanceof EnvironmentError ? error.message : String(error)}\n`);
  process.exit(2);
}
