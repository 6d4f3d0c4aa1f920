import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { drivers } from './index.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const ARGS = ['-C', 'source', '--experimental-transform-types', '--disable-warning=ExperimentalWarning', 'test/providers/play.ts'];

/** Resolves when a new connection was ended, with whether it was by a reset. */
async function isReset(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  const [error] = (await once(socket, 'close').catch((failure: unknown) => [failure])) as unknown[];
  socket.destroy();
  return error instanceof Error || error === true;
}

for (const { type } of drivers) {
  const isMissing = type === 'mqtt' && process.env['SLUICE_NO_MOSQUITTO'] === '1';
  it.skipIf(isMissing)(
    `npm run servers -- ${type} says what to type, does what it is told, and ends with Ctrl-C`,
    async () => {
      const child = spawn(process.execPath, [...ARGS, type], { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      try {
        await expect.poll(() => output, { timeout: 150_000 }).toContain('Ctrl-C ends it.');
        const integration = JSON.parse(/^ {2}(\{.*\})$/m.exec(output)?.[1] ?? '') as Record<string, unknown>;
        expect(integration).toMatchObject({ integrationType: type, [`${type}Config`]: expect.any(Object) });
        child.stdin.write('publish hello\nnonsense\nrefuse\n');
        await expect.poll(() => output).toContain('done: refuse');
        expect(output).toContain('done: publish hello');
        expect(output).toContain('unknown: nonsense');
        expect(await isReset(Number(/on 127\.0\.0\.1:(\d+)/.exec(output)?.[1]))).toBe(true);
        const ended = once(child, 'exit');
        child.kill('SIGINT');
        expect(await ended).toEqual([0, null]);
      } finally {
        child.kill('SIGKILL');
      }
    },
    200_000,
  );
}
