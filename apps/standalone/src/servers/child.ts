import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';

/** A server we started and alone may end. */
export interface Server {
  /** Process id of the server we spawned. */
  readonly pid: number;
  /** Resolves with the exit code once the process has ended, however it ended. */
  readonly ended: Promise<number | null>;
  /** Sends `signal`, then SIGKILL after `graceMs`; resolves when the process is gone. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<void>;
}

export interface SpawnOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Receives each chunk of standard output and error. */
  readonly onOutput?: (text: string) => void;
  /** Signal the kernel sends the server when we die, so `kill -9` of the parent leaves nothing behind (Linux, with setpriv). */
  readonly deathSignal?: 'INT' | 'TERM' | 'KILL';
  /** PostgreSQL refuses to run as root: run it as an ordinary user in a user namespace of its own. */
  readonly unprivileged?: boolean;
}

export interface StartOptions extends SpawnOptions {
  /** For people. */
  readonly name: string;
  /** Where it listens, for people. */
  readonly at: string;
  readonly serves: () => Promise<boolean>;
  readonly withinMs: number;
}

/** Spawns a server and waits until it serves. Throws with its output when it ends before that, or doesn't in time. */
export async function startServer({ name, at, serves, withinMs, ...options }: StartOptions): Promise<Server> {
  let output = '';
  const onOutput = (text: string): void => {
    output = (output + text).slice(-4_000);
    options.onOutput?.(text);
  };
  const server = spawnServer({ ...options, onOutput });
  let gone = false;
  void server.ended.then(
    () => (gone = true),
    () => (gone = true),
  );
  const deadline = Date.now() + withinMs;
  while (!(await serves())) {
    if (gone) throw new Error(`${name} ended at its start:\n${output}`);
    if (Date.now() > deadline) {
      await server.stop('SIGKILL');
      throw new Error(`${name} did not answer on ${at} within ${withinMs / 1000} s:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (gone) throw new Error(`${name} ended at its start (is ${at} taken?):\n${output}`);
  return server;
}

const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

/** Spawns a server in its own process group, so a Ctrl-C in the terminal reaches only us and we end it in order. */
export function spawnServer(options: SpawnOptions): Server {
  const prefix: string[] = [];
  if (SETPRIV !== undefined && options.deathSignal !== undefined) prefix.push(SETPRIV, '--pdeathsig', options.deathSignal);
  if (options.unprivileged === true && process.getuid?.() === 0) prefix.push('unshare', '--user', '--map-user=1000', '--map-group=1000');
  const [command, ...args] = [...prefix, options.command, ...options.args] as [string, ...string[]];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  child.stdout.on('data', (chunk: Buffer) => options.onOutput?.(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => options.onOutput?.(chunk.toString()));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
  ended.catch(() => undefined); // a failure to spawn surfaces where `ended` is awaited
  return {
    pid: child.pid ?? -1,
    ended,
    stop: (signal = 'SIGTERM', graceMs = 10_000) => stopChild(child, ended, signal, graceMs),
  };
}

async function stopChild(child: ChildProcess, ended: Promise<number | null>, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  try {
    await ended;
  } finally {
    clearTimeout(timer);
  }
}

/** Where no system takes the ports of outgoing connections from (Linux: 32768 and up), so that a free one stays free until its server listens. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

/** A port of 127.0.0.1, of 20000 to 29999, that nothing listens on. Throws when 100 in a row are taken. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(FIRST_PORT, FIRST_PORT + PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port of 127.0.0.1 between ${FIRST_PORT} and ${FIRST_PORT + PORTS - 1} is free`);
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
