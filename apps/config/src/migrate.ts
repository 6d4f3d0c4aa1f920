import { migrateBus } from '#lib/messaging';
import { createLogger, EnvironmentError } from '#lib/platform';
import { readMigratorSettings } from './settings.ts';

/** Makes or widens the bus' streams and buckets, and ends: the one program that does. Services only look whether they are there. */
try {
  const { natsUrl, streamBytes, replicas, logLevel } = readMigratorSettings(process.env);
  const log = createLogger({ service: 'migrator', level: logLevel });
  if (replicas === 1) log.warn('streams have one replica: a lost disk of that node loses what is stored on it');
  await migrateBus({ servers: natsUrl, name: 'migrator' }, { streamBytes, replicas });
  log.info({ streamBytes, replicas }, 'streams and buckets are as declared');
} catch (error) {
  process.stderr.write(`${error instanceof EnvironmentError || error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof EnvironmentError ? 2 : 1);
}
