import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createLogger, createMetrics, EnvironmentError, runProcess, startHealthServer } from '#lib/platform';
import { startConfig } from './index.ts';
import { readSettings } from './settings.ts';

/** SHA-256 of the token in a file, hexadecimal. Throws when the file holds none: a guessable token would open everything. */
async function hashOfTokenIn(file: string): Promise<string> {
  const token = (await readFile(file, 'utf8')).trim();
  if (token.length < 32) throw new Error(`SLUICE_ADMIN_TOKEN_FILE: ${file} must hold a token of at least 32 characters`);
  return createHash('sha256').update(token).digest('hex');
}

/** The configuration service as a process of its own. */
try {
  const { logLevel, host, port, adminTokenFile, ...settings } = readSettings(process.env);
  const log = createLogger({ service: 'config', replicaId: settings.replicaId, level: logLevel });
  runProcess(log, async () => {
    const token = adminTokenFile === undefined ? {} : { adminTokenHash: await hashOfTokenIn(adminTokenFile) };
    const service = await startConfig({ ...settings, ...token, standalone: false, log });
    const { registry: metrics } = createMetrics('config', { processMetrics: true });
    const health = await startHealthServer({ host, port, parts: { config: () => service.ready() }, metrics });
    return {
      ready: () => service.ready(),
      stop: async () => {
        await health.stop();
        await service.stop();
      },
    };
  });
} catch (error) {
  process.stderr.write(`${error instanceof EnvironmentError ? error.message : String(error)}\n`);
  process.exit(2);
}
