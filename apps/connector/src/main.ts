import { hostname } from 'node:os';
import { IntegrationType } from '#lib/contracts';
import {
  createLogger,
  EnvironmentError,
  readEnvironment,
  runProcess,
  setting,
  startHealthServer,
  type RunningService,
} from '#lib/platform';
import { z } from 'zod';
import { startConnector, type StartConnectorOptions } from './index.ts';

const Settings = z.object({
  type: z.enum(IntegrationType.options, `must be one of ${IntegrationType.options.join(', ')}`),
  natsUrl: setting.url('nats', 'tls'),
  masterKeyFile: setting.text(),
  egressAllow: setting.text().default(''),
  host: setting.text().default('127.0.0.1'),
  port: setting.port().default(8080),
  replicaId: setting.text().default(`${hostname()}-${process.pid}`),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

async function start(options: StartConnectorOptions, host: string, port: number): Promise<RunningService> {
  const connector = await startConnector({ ...options, processMetrics: true });
  const health = await startHealthServer({ host, port, parts: { connector: () => connector.ready() }, metrics: connector.metrics });
  return {
    ready: () => connector.ready(),
    stop: async () => {
      await connector.stop();
      await health.stop();
    },
  };
}

/** The connector of one provider as a process of its own. */
try {
  const { logLevel, host, port, ...settings } = readEnvironment(
    Settings,
    {
      type: 'SLUICE_PROVIDER',
      natsUrl: 'SLUICE_NATS_URL',
      masterKeyFile: 'SLUICE_MASTER_KEY_FILE',
      egressAllow: 'SLUICE_EGRESS_ALLOW',
      host: 'SLUICE_HOST',
      port: 'SLUICE_HTTP_PORT',
      replicaId: 'SLUICE_REPLICA_ID',
      logLevel: 'SLUICE_LOG_LEVEL',
    },
    process.env,
  );
  const log = createLogger({ service: `connector-${settings.type}`, replicaId: settings.replicaId, level: logLevel });
  runProcess(log, () => start({ ...settings, standalone: false, log }, host, port));
} catch (error) {
  process.stderr.write(`${error instanceof EnvironmentError ? error.message : String(error)}\n`);
  process.exit(2);
}
