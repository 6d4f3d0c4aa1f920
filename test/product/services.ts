import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { startTestNats, type TestNats } from '../servers/nats.ts';
import { startTestPostgres, type TestPostgres } from '../servers/postgres.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** One service as production runs it: a process of its own with its own health port. */
export class Service {
  #child: ChildProcess | undefined;
  #output = '';
  constructor(
    readonly name: string,
    private readonly program: string,
    private readonly env: Record<string, string>,
    readonly port: number,
  ) {}

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the process; resolves when its `/readyz` answers 200. */
  async start(): Promise<void> {
    this.launch();
    await this.untilReady();
  }

  /** `fault`: the point, and which passing of it, at which it kills itself. */
  launch(fault?: string): void {
    const flags = ['--enable-source-maps', ...(fault === undefined ? [] : ['-C', 'fault'])];
    const child = spawn(process.execPath, [...flags, join(ROOT, 'dist', this.program)], {
      env: { PATH: process.env['PATH'], ...this.env, ...(fault === undefined ? {} : { SLUICE_FAULT: fault }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const keep = (chunk: Buffer): void => void (this.#output = (this.#output + chunk.toString()).slice(-100_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
  }

  async untilReady(): Promise<void> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      if (this.#child?.exitCode !== null) throw new Error(`${this.name} ended with ${this.#child?.exitCode}:\n${this.#output}`);
      const status = await fetch(`${this.url}/readyz`).then(
        (answer) => answer.status,
        () => 0, // nothing listens yet
      );
      if (status === 200) return;
      if (Date.now() > deadline) throw new Error(`${this.name} was not ready within 120 s:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Runs to its end, as the migrator does; throws unless it exits with 0. */
  async complete(): Promise<void> {
    this.launch();
    const code = await this.ended();
    if (code !== 0) throw new Error(`${this.name} ended with ${code}:\n${this.#output}`);
  }

  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? 0;
    return await new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** Sends a signal and waits for the end; resolves with the exit code (null: killed). */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child?.kill(signal);
    return await this.ended();
  }
}

/** Every service as its own process, on one PostgreSQL and one nats-server. */
export class Services {
  private constructor(
    private readonly dir: string,
    readonly nats: TestNats,
    readonly postgres: TestPostgres,
    readonly all: Record<string, Service>,
    private readonly env: Record<string, string>,
  ) {}

  static async start(): Promise<Services> {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-services-'));
    const [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
    const files = { masterKey: join(dir, 'master-key'), adminToken: join(dir, 'admin-token') };
    writeFileSync(files.masterKey, Buffer.alloc(32, 7), { mode: 0o600 });
    writeFileSync(files.adminToken, `${Buffer.alloc(32, 9).toString('base64url')}\n`, { mode: 0o600 });
    const env = {
      SLUICE_NATS_URL: nats.url,
      SLUICE_POSTGRES_URL: postgres.url,
      SLUICE_MASTER_KEY_FILE: files.masterKey,
      SLUICE_ADMIN_TOKEN_FILE: files.adminToken,
      SLUICE_EGRESS_ALLOW: 'loopback',
      SLUICE_HOST: '127.0.0.1',
    };
    const services = new Services(dir, nats, postgres, {}, env);
    await (await services.add('migrator', 'apps/config/src/migrate.js')).complete();
    await (await services.add('config', 'apps/config/src/main.js')).start();
    const rest = await Promise.all([
      services.add('workflow-dispatch', 'apps/workflow-dispatch/src/main.js'),
      services.add('workflow-runner', 'apps/workflow-runner/src/main.js'),
      services.add('connector-mqtt', 'apps/connector/src/main.js', { SLUICE_PROVIDER: 'mqtt' }),
      services.add('gateway', 'apps/gateway/src/main.js'),
    ]);
    await Promise.all(rest.map((service) => service.start()));
    return services;
  }

  /** Names a process, not yet started; a second replica of a service has a name of its own. */
  async add(name: string, program: string, more: Record<string, string> = {}): Promise<Service> {
    const port = await freePort();
    const service = new Service(name, program, { ...this.env, SLUICE_REPLICA_ID: name, SLUICE_HTTP_PORT: String(port), ...more }, port);
    this.all[name] = service;
    return service;
  }

  get(name: string): Service {
    const service = this.all[name];
    if (service === undefined) throw new Error(`no service is named ${name}`);
    return service;
  }

  /** As {@link Product.call}, at the gateway. */
  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const token = readFileSync(this.env['SLUICE_ADMIN_TOKEN_FILE'] ?? '', 'utf8').trim();
    const answer = await fetch(this.get('gateway').url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const read = (await answer.json()) as T;
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(read)}`);
    return read;
  }

  async stop(): Promise<void> {
    const codes = await Promise.all(Object.values(this.all).map(async (service) => [service.name, await service.end('SIGTERM')] as const));
    await Promise.all([this.nats.stop(), this.postgres.stop()]);
    rmSync(this.dir, { recursive: true, force: true });
    const bad = codes.filter(([, code]) => code !== 0 && code !== null);
    if (bad.length > 0)
      throw new Error(`services did not end well: ${bad.map(([name, code]) => `${name} ${code}\n${this.get(name).output}`).join('\n')}`);
  }
}
