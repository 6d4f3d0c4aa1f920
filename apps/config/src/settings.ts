import { hostname } from 'node:os';
import { readEnvironment, setting } from '#lib/platform';
import { z } from 'zod';

const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info');

const Settings = z.object({
  natsUrl: setting.url('nats', 'tls'),
  postgresUrl: setting.url('postgres', 'postgresql'),
  masterKeyFile: setting.text(),
  adminTokenFile: setting.text().optional(),
  egressAllow: setting.text().default(''),
  host: setting.text().default('127.0.0.1'),
  port: setting.port().default(8080),
  replicaId: setting.text().default(`${hostname()}-${process.pid}`),
  logLevel,
});
export type Settings = z.infer<typeof Settings>;

/** Throws EnvironmentError with the names of all that is wrong. */
export const readSettings = (environment: Readonly<Record<string, string | undefined>>): Settings =>
  readEnvironment(
    Settings,
    {
      natsUrl: 'SLUICE_NATS_URL',
      postgresUrl: 'SLUICE_POSTGRES_URL',
      masterKeyFile: 'SLUICE_MASTER_KEY_FILE',
      adminTokenFile: 'SLUICE_ADMIN_TOKEN_FILE',
      egressAllow: 'SLUICE_EGRESS_ALLOW',
      host: 'SLUICE_HOST',
      port: 'SLUICE_HTTP_PORT',
      replicaId: 'SLUICE_REPLICA_ID',
      logLevel: 'SLUICE_LOG_LEVEL',
    },
    environment,
  );

const MigratorSettings = z.object({
  natsUrl: setting.url('nats', 'tls'),
  /** At least twice what the largest message takes: it fits whatever else is there. */
  streamBytes: setting.whole(16_777_216).default(1_073_741_824),
  replicas: setting
    .whole(1)
    .refine((count) => count <= 5, 'must be at most 5')
    .default(1),
  logLevel,
});
export type MigratorSettings = z.infer<typeof MigratorSettings>;

export const readMigratorSettings = (environment: Readonly<Record<string, string | undefined>>): MigratorSettings =>
  readEnvironment(
    MigratorSettings,
    {
      natsUrl: 'SLUICE_NATS_URL',
      streamBytes: 'SLUICE_STREAM_BYTES',
      replicas: 'SLUICE_STREAM_REPLICAS',
      logLevel: 'SLUICE_LOG_LEVEL',
    },
    environment,
  );

const DatabaseSettings = z.object({ postgresUrl: setting.url('postgres', 'postgresql') });

export const readDatabaseSettings = (environment: Readonly<Record<string, string | undefined>>): z.infer<typeof DatabaseSettings> =>
  readEnvironment(DatabaseSettings, { postgresUrl: 'SLUICE_POSTGRES_URL' }, environment);
