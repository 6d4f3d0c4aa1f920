import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { recordFigure } from './figures.ts';

const ROOT = join(import.meta.dirname, '..', '..');

interface Started {
  readonly seconds: number;
  readonly exitCode: number | null;
  readonly stopSeconds: number;
  readonly output: string;
}

/** `npm start` as a person types it, to `/readyz`, then Ctrl-C. */
async function startAndStop(env: NodeJS.ProcessEnv, httpPort: number): Promise<Started> {
  const begun = performance.now();
  const child = spawn('npm', ['start'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  await expect
    .poll(
      async () =>
        await fetch(`http://127.0.0.1:${httpPort}/readyz`).then(
          (answer) => answer.status,
          () => 0,
        ),
      { timeout: 60_000, interval: 20 },
    )
    .toBe(200);
  const seconds = (performance.now() - begun) / 1_000;
  await expect.poll(() => output).toContain('Ctrl-C stops everything.');
  const stopping = performance.now();
  process.kill(-(child.pid ?? 0), 'SIGINT');
  const exitCode = await ended;
  return { seconds, exitCode, stopSeconds: (performance.now() - stopping) / 1_000, output };
}

it(
  'promise 25: npm start serves, with its demo, and Ctrl-C ends everything with exit code 0; a second start finds all as it was',
  { timeout: 180_000 },
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-start-'));
    const httpPort = await freePort();
    const env = {
      ...process.env,
      SLUICE_DATA_DIR: dataDir,
      SLUICE_HTTP_PORT: String(httpPort),
      SLUICE_NATS_PORT: String(await freePort()),
      SLUICE_GRPC_PORT: String(await freePort()),
    };
    const first = await startAndStop(env, httpPort);
    expect(first.exitCode).toBe(0);
    expect(first.output).toContain('npx mqtt publish');
    expect(first.output).not.toContain((await import('node:fs')).readFileSync(join(dataDir, 'admin-token'), 'utf8').trim());
    const second = await startAndStop(env, httpPort);
    expect(second.exitCode).toBe(0);
    recordFigure({
      promise: 25,
      what: '`npm start` on an installed clone to `/readyz`, a new data folder, then an existing one; then Ctrl-C',
      figure: `${first.seconds.toFixed(1)} s, ${second.seconds.toFixed(1)} s; ended in ${second.stopSeconds.toFixed(1)} s with exit code ${second.exitCode}`,
      holds: second.seconds <= 5,
    });
    rmSync(dataDir, { recursive: true, force: true });
  },
);
