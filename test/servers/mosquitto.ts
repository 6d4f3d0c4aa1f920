import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Server, freePort, startServer } from '../../apps/standalone/src/servers/child.ts';

export interface Mosquitto {
  readonly port: number;
  readonly dir: string;
  kill(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A real mosquitto on 127.0.0.1. `config` gets the folder and a plain port and returns further lines (listeners, password files).
 * Its queue is unlimited, and its state is saved when it is ended in order: a test that counts through its SIGKILL adds `autosave_on_changes true` and
 * `autosave_interval 1`, which cost it a save of everything at every change. It holds no small packet back until the one before is acknowledged by TCP, which
 * costs up to 40 ms and says nothing of who is measured.
 */
export async function startMosquitto(config: (dir: string) => string = () => 'allow_anonymous true\n'): Promise<Mosquitto> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-mosquitto-'));
  const port = await freePort();
  const file = join(dir, 'mosquitto.conf');
  const lines = config(dir);
  // It listens on one after the other: the first port that answers says nothing of the rest.
  const ports = [port, ...[...lines.matchAll(/^listener (\d+)/gm)].map(([, further]) => Number(further))];
  writeFileSync(
    file,
    `user root
persistence true
persistence_location ${dir}/
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
listener ${port} 127.0.0.1
${lines}`,
  );
  let server: Server;
  const start = async (): Promise<void> => {
    server = await startServer({
      name: 'mosquitto',
      at: `127.0.0.1:${ports.join(', ')}`,
      command: process.env['SLUICE_MOSQUITTO'] ?? '/usr/sbin/mosquitto',
      args: ['-c', file],
      deathSignal: 'TERM',
      env: { ...process.env, LD_LIBRARY_PATH: process.env['SLUICE_MOSQUITTO_LIBRARIES'] ?? '' },
      serves: async () => {
        for (const each of ports) if (!(await accepts(each))) return false;
        return true;
      },
      withinMs: 60_000,
    });
  };
  await start();
  return {
    port,
    dir,
    start,
    kill: (signal = 'SIGKILL') => server.stop(signal),
    stop: async () => {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A line of mosquitto's password file: PBKDF2 with SHA-512, as its own tool writes it. */
export function passwordLine(user: string, password: string): string {
  const salt = randomBytes(12);
  const iterations = 101;
  const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  return `${user}:$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}\n`;
}
