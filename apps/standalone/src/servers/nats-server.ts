import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type Server, startServer } from './child.ts';

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

/** The largest payload of the bus, bytes. Headers come on top. */
const MAX_PAYLOAD = 8 * 1024 * 1024;

/** Starts a private nats-server with JetStream and waits until it answers. Throws with its output when it ends before that. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const config = join(options.dataDir, 'nats-server.conf');
  const name = `sluice-${randomBytes(6).toString('hex')}`;
  writeFileSync(config, configuration(options, name), { mode: 0o600 });
  const server = await startServer({
    name: 'nats-server',
    at: `${options.host}:${options.port}`,
    command: options.program,
    args: ['-c', config],
    deathSignal: 'TERM',
    // One Go scheduler thread halves the server's CPU per message where it shares two cores with us.
    env: { ...process.env, GOMAXPROCS: '1' },
    serves: () => greets(options.host, options.port, name),
    withinMs: 10_000,
    onOutput: options.onOutput,
  });
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
