import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('gives back what a burst left behind once the process is quiet, and keeps what is used', async () => {
  const child = fork(join(import.meta.dirname, 'testing', 'burst.ts'), {
    execArgv: ['-C', 'source', '--experimental-transform-types', '--disable-warning=ExperimentalWarning'],
  });
  try {
    const use = async (): Promise<{ resident: number; kept: number }> => {
      const answer = once(child, 'message');
      child.send('use');
      return (await answer)[0] as { resident: number; kept: number };
    };
    const { resident: peak } = await use();
    // A burst of 100 MB of which nothing is kept; on a busy machine the process is quiet all the same.
    await expect.poll(async () => peak - (await use()).resident, { timeout: 30_000 }).toBeGreaterThan(60);
    expect((await use()).kept).toBe(1_000);
  } finally {
    child.kill();
  }
}, 40_000);
