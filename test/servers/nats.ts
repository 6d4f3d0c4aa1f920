import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { startNatsServer, type NatsServer } from '../../apps/standalone/src/servers/nats-server.ts';

export interface TestNats {
  readonly url: string;
  readonly port: number;
  /** Kills it with SIGKILL and starts it again on the same port and data. */
  restart(): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A real nats-server on a free port with a data folder of its own. `SLUICE_NATS_SERVER` names the program (the test script sets it). */
export async function startTestNats(): Promise<TestNats> {
  const program = process.env['SLUICE_NATS_SERVER'] ?? 'nats-server';
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-nats-'));
  const port = await freePort();
  const launch = (): Promise<NatsServer> => startNatsServer({ program, dataDir, host: '127.0.0.1', port, sync: '1s' });
  let server = await launch();
  return {
    url: server.url,
    port,
    kill: () => server.stop('SIGKILL'),
    start: async () => {
      server = await launch();
    },
    restart: async () => {
      await server.stop('SIGKILL');
      server = await launch();
    },
    stop: async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
