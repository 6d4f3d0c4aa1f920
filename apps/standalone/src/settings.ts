import { resolve } from 'node:path';
import { readEnvironment, setting } from '#lib/platform';
import { z } from 'zod';

const Settings = z.object({
  httpPort: setting.port().default(8080),
  grpcPort: setting.port().default(50_051),
  natsPort: setting.port().default(14_222),
  dataDir: z.string().default('.data'),
  host: z.string().default('127.0.0.1'),
  demo: setting.flag().default(true),
  egressAllow: z.string().default('loopback'),
  masterKeyFile: z.string().optional(),
  sync: z
    .string()
    .regex(/^(always|\d+(ms|s|m))$/, 'must be `always` or an interval as 1s')
    .default('1s'),
  /** At least twice what the largest message takes: it fits whatever else is there. */
  streamBytes: setting.whole(16_777_216).default(1_073_741_824),
  natsServer: z.string().default('nats-server'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('warn'),
});
export type Settings = z.infer<typeof Settings>;

/** The settings of `npm start` (.env.example), read once; throws with the names of what is wrong. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const settings = readEnvironment(
    Settings,
    {
      httpPort: 'SLUICE_HTTP_PORT',
      grpcPort: 'SLUICE_GRPC_PORT',
      natsPort: 'SLUICE_NATS_PORT',
      dataDir: 'SLUICE_DATA_DIR',
      host: 'SLUICE_HOST',
      demo: 'SLUICE_DEMO',
      egressAllow: 'SLUICE_EGRESS_ALLOW',
      masterKeyFile: 'SLUICE_MASTER_KEY_FILE',
      sync: 'SLUICE_SYNC',
      streamBytes: 'SLUICE_STREAM_BYTES',
      natsServer: 'SLUICE_NATS_SERVER',
      logLevel: 'SLUICE_LOG_LEVEL',
    },
    environment,
  );
  return { ...settings, dataDir: resolve(settings.dataDir) };
}
