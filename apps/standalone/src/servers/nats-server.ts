import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { spawnServer, type Server } from './child.ts';

export interface NatsServerOptions {
  /** Path of the nats-server program, ≥ 2.12. */
  readonly program: string;
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  /** How often JetStream syncs to disk: `always` or an interval as `1s`. */
  readonly sync: string;
  /** Lines added to the server's configuration: users, permissions. */
  readonly extraConfig?: string;
  readonly onOutput?: (text: string) => void;
}

export interface NatsServer extends Server {
  readonly url: string;
}

/** The largest payload of the bus, bytes (DESIGN §3). Headers come on top. */
const MAX_PAYLOAD = 8 * 1024 * 1024;

/** Starts a private nats-server with JetStream and waits until it answers. Throws with its output when it ends before that. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const config = join(options.dataDir, 'nats-server.conf');
  const name = `sluice-${randomBytes(6).toString('hex')}`;
  writeFileSync(config, configuration(options, name), { mode: 0o600 });
  let output = '';
  const server = spawnServer({
    command: options.program,
    args: ['-c', config],
    deathSignal: 'TERM',
    // One Go scheduler thread halves the server's CPU per message where it shares two cores with us (shared/CLIENTS.md, NATS).
    env: { ...process.env, GOMAXPROCS: '1' },
    onOutput: (text) => {
      output = (output + text).slice(-4_000);
      options.onOutput?.(text);
    },
  });
  let gone = false;
  void server.ended.then(
    () => (gone = true),
    () => (gone = true),
  );
  const deadline = Date.now() + 10_000;
  while (!(await greets(options.host, options.port, name))) {
    if (gone) throw new Error(`nats-server ended at its start:\n${output}`);
    if (Date.now() > deadline) {
      await server.stop('SIGKILL');
      throw new Error(`nats-server did not answer on ${options.host}:${options.port} within 10 s:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (gone) throw new Error(`nats-server ended at its start (is port ${options.port} taken?):\n${output}`);
  return { ...server, url: `nats://${options.host}:${options.port}` };
}

function configuration(options: NatsServerOptions, name: string): string {
  return `server_name: ${name}
listen: "${options.host}:${options.port}"
max_payload: ${MAX_PAYLOAD}
max_pending: 268435456
jetstream {
  store_dir: ${JSON.stringify(options.dataDir)}
  max_memory_store: 0
  sync_interval: ${options.sync}
}
${options.extraConfig ?? ''}
`;
}

/** True when the very server we started sends its INFO line there, not somebody else's on the same port. */
async function greets(host: string, port: number, name: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(500, () => done(false));
    socket.once('error', () => done(false));
    socket.once('data', (chunk: Buffer) =>
      done(chunk.toString().startsWith('INFO ') && chunk.toString().includes(`"server_name":"${name}"`)),
    );
  });
}
