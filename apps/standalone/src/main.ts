import { createLogger, EnvironmentError, runProcess } from '#lib/platform';
import { readSettings } from './settings.ts';
import { startProduct } from './product.ts';

/** The whole product in one process. Ends in order by SIGTERM or Ctrl-C, or when the launcher that started it is gone. */
try {
  const settings = readSettings(process.env);
  const log = createLogger({ service: 'standalone', level: settings.logLevel });
  if (process.connected) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  runProcess(log, () => startProduct(settings, log));
} catch (error) {
  process.stderr.write(`${error instanceof EnvironmentError ? error.message : String(error)}\n`);
  process.exit(2);
}
