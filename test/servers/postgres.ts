import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { startPostgres, type PostgresServer } from '../../apps/standalone/src/servers/postgres.ts';

export interface TestPostgres {
  readonly url: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A real PostgreSQL on a free port with a new, empty database; without fsync, as nothing here outlives the machine. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-pg-'));
  const port = await freePort();
  const launch = (): Promise<PostgresServer> => startPostgres({ dataDir, host: '127.0.0.1', port, fsync: false });
  let server = await launch();
  return {
    url: server.url,
    kill: () => server.stop('SIGKILL'),
    start: async () => {
      server = await launch();
    },
    stop: async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
