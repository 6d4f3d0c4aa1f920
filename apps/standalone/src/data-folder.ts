import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Addresses of a running product, in `endpoints.json`. */
export interface Endpoints {
  readonly http: string;
  readonly grpc: string;
  readonly nats: string;
  readonly postgres: string;
}

interface ProcessMark {
  readonly pid: number;
  /** What the kernel says it started at: a pid alone may have been given to somebody else since. */
  readonly started: string;
}

/** All state of a standalone product. One process at a time may hold it. */
export class DataFolder {
  private constructor(readonly path: string) {}

  /** Makes the folder if needed and locks it; throws naming the process that holds it. A lock left by a dead process is taken over. */
  static open(path: string): DataFolder {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = join(path, 'lock');
    const mine = JSON.stringify(markOf(process.pid));
    for (;;) {
      try {
        const file = openSync(lock, 'wx', 0o600);
        writeSync(file, mine);
        closeSync(file);
        return new DataFolder(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = readMark(lock);
      if (holder !== undefined && isAlive(holder)) {
        throw new Error(`${path} is in use by process ${holder.pid}: stop that one, or name another folder with SLUICE_DATA_DIR`);
      }
      rmSync(lock, { force: true });
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** The instance's admin token: made at the first start, mode 0600, never printed but to a terminal. */
  adminToken(): string {
    const file = this.file('admin-token');
    if (!existsSync(file)) this.write('admin-token', `${randomBytes(32).toString('base64url')}\n`);
    return readFileSync(file, 'utf8').trim();
  }

  writeEndpoints(endpoints: Endpoints): void {
    this.write('endpoints.json', `${JSON.stringify(endpoints, null, 2)}\n`);
  }

  readJson(name: string): unknown {
    return existsSync(this.file(name)) ? JSON.parse(readFileSync(this.file(name), 'utf8')) : undefined;
  }

  /** Replaces a file in one step, so a crash leaves the old one or the new one. */
  write(name: string, text: string): void {
    const draft = this.file(`${name}.new`);
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, this.file(name));
  }

  /** Remembers a server we started, so that a successor can wait for one that outlived us. */
  rememberServer(name: string, pid: number): void {
    const servers = (this.readJson('servers.json') ?? {}) as Record<string, ProcessMark>;
    this.write('servers.json', JSON.stringify({ ...servers, [name]: markOf(pid) }));
  }

  /** Waits until the servers of an earlier, killed process have ended; they were told to by the kernel. Ends them itself after 10 s. */
  async awaitLeftovers(): Promise<void> {
    const marks = Object.values((this.readJson('servers.json') ?? {}) as Record<string, ProcessMark>);
    const deadline = Date.now() + 10_000;
    for (const mark of marks) {
      while (isAlive(mark)) {
        if (Date.now() > deadline) process.kill(mark.pid, 'SIGKILL');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  release(): void {
    rmSync(this.file('endpoints.json'), { force: true });
    rmSync(this.file('lock'), { force: true });
  }
}

const markOf = (pid: number): ProcessMark => ({ pid, started: startOf(pid) ?? '' });

/** Field 22 of /proc/<pid>/stat: start time in clock ticks since boot. Undefined for a process that is gone; '' where there is no /proc. */
function startOf(pid: number): string | undefined {
  if (!existsSync('/proc/self/stat')) return '';
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined; // no such process
  }
}

function readMark(file: string): ProcessMark | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessMark;
  } catch {
    return undefined; // removed meanwhile, or its writer died before it wrote
  }
}

function isAlive(mark: ProcessMark): boolean {
  try {
    process.kill(mark.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(mark.pid) === mark.started;
}
