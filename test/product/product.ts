import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../apps/standalone/src/servers/child.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
}

/** A product that runs as `npm start` runs it: its own process, data folder, ports, and servers. */
export class Product {
  #child: ChildProcess | undefined;
  #output = '';
  private constructor(
    readonly dataDir: string,
    private readonly ports: { http: number; nats: number; grpc: number },
    private readonly extra: Record<string, string>,
  ) {}

  /** Makes a folder and starts; resolves once `/readyz` answers 200. */
  static async start(extra: Record<string, string> = {}): Promise<Product> {
    const ports = { http: await freePort(), nats: await freePort(), grpc: await freePort() };
    const product = new Product(mkdtempSync(join(tmpdir(), 'sluice-product-')), ports, extra);
    try {
      await product.launch();
    } catch (error) {
      await product.kill();
      throw error;
    }
    return product;
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.http}`;
  }

  get natsUrl(): string {
    return `nats://127.0.0.1:${this.ports.nats}`;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get output(): string {
    return this.#output;
  }

  private get faultFile(): string {
    return join(this.dataDir, 'fault');
  }

  get adminToken(): string {
    return readFileSync(join(this.dataDir, 'admin-token'), 'utf8').trim();
  }

  /** Starts the process on the same folder and ports. */
  async launch(more: Record<string, string> = {}): Promise<void> {
    const env = {
      ...process.env,
      SLUICE_HTTP_PORT: String(this.ports.http),
      SLUICE_NATS_PORT: String(this.ports.nats),
      SLUICE_GRPC_PORT: String(this.ports.grpc),
      SLUICE_DATA_DIR: this.dataDir,
      SLUICE_DEMO: 'off',
      SLUICE_FAULT_FILE: this.faultFile,
      ...this.extra,
      ...more,
    };
    const conditions = 'SLUICE_FAULT' in env ? ['-C', 'fault'] : [];
    const child = spawn(process.execPath, ['--enable-source-maps', ...conditions, join(ROOT, 'dist/apps/standalone/src/main.js')], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-200_000)));
    child.stderr.on('data', (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-200_000)));
    await this.untilReady();
  }

  /** Resolves when `/readyz` is 200; throws with the product's output when it ended or took 120 s. */
  async untilReady(): Promise<void> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      if (this.#child?.exitCode !== null) throw new Error(`the product ended with ${this.#child?.exitCode}:\n${this.#output}`);
      if (this.#child.signalCode !== null) return; // killed while it started: the caller knows
      if (await this.isReady()) return;
      if (Date.now() > deadline) throw new Error(`the product was not ready within 120 s:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/readyz`)).status === 200;
    } catch {
      return false; // nothing listens yet
    }
  }

  /** Resolves when the process has ended, with its exit code (null: killed). */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return 0;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    return await new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** Lets the product kill itself at the nth passing of a fault point; it must run with `SLUICE_FAULT` set, were it empty. Resolves once it is armed. */
  async arm(point: string, passing: number): Promise<void> {
    writeFileSync(this.faultFile, `${point}:${passing}`);
    this.#child?.kill('SIGUSR2');
    const deadline = Date.now() + 10_000;
    while (existsSync(this.faultFile)) {
      if (Date.now() > deadline) throw new Error(`the product did not read ${this.faultFile} within 10 s`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** `kill -9` of the product's process. Its servers end with it. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.ended();
  }

  /** `kill -9` of everything at once: the process and its servers. */
  async crash(): Promise<void> {
    for (const pid of [this.serverPid('nats-server'), this.serverPid('PostgreSQL')]) process.kill(pid, 'SIGKILL');
    await this.kill();
  }

  /** SIGTERM; resolves with the exit code. */
  async terminate(): Promise<number | null> {
    this.#child?.kill('SIGTERM');
    return await this.ended();
  }

  /** Stops it and removes its folder. */
  async stop(): Promise<void> {
    const code = await this.terminate();
    rmSync(this.dataDir, { recursive: true, force: true });
    if (code !== 0) throw new Error(`the product ended with ${code}:\n${this.#output}`);
  }

  /** Process ids of its servers: `nats-server`, `PostgreSQL`. */
  serverPid(name: 'nats-server' | 'PostgreSQL'): number {
    const file = join(this.dataDir, 'servers.json');
    if (!existsSync(file)) return -1;
    const servers = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { pid: number }>;
    return servers[name]?.pid ?? -1;
  }

  async api<T = Record<string, unknown>>(method: string, path: string, body?: unknown, token = this.adminToken): Promise<Answer<T>> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as T };
  }

  /** As `api`, but throws unless the answer is a success. */
  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.api<T>(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}
