import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Product } from '../product/product.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const BLOCKS = [...README.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

let product: Product;
beforeAll(async () => {
  product = await Product.start({ SLUICE_DEMO: 'on' });
  await vi.waitFor(() => readFileSync(join(product.dataDir, 'demo.json')), { timeout: 10_000 });
});
afterAll(() => product.stop());

/** The commands as they stand, at the ports and in the folder of this test's product. */
function here(commands: string): string {
  const { port } = JSON.parse(readFileSync(join(product.dataDir, 'demo.json'), 'utf8')) as { port: number };
  return commands
    .replaceAll('http://127.0.0.1:8080', product.url)
    .replaceAll('.data/', `${product.dataDir}/`)
    .replaceAll('18830', String(port));
}

it('the two commands are the ones that other tests run', () => {
  expect(BLOCKS.slice(0, 2)).toEqual(['npm start\n', 'npm test\n']);
});

it('connecting a first broker works as it is written, and the message is counted', async () => {
  const [application = '', connect = '', say = ''] = BLOCKS.slice(2).map(here);
  expect(BLOCKS).toHaveLength(5);
  const shell = promisify(execFile);
  const run = async (script: string): Promise<string> =>
    (
      await shell('bash', ['-euo', 'pipefail', '-c', script], {
        cwd: ROOT,
        env: { ...process.env, PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env['PATH']}` },
      })
    ).stdout;
  const prepare = `${application}\n${connect}\necho; echo "$APP $BROKER"`;
  const [app = '', broker = ''] = (await run(prepare)).trim().split('\n').at(-1)?.split(' ') ?? [];
  const path = `/applications/${app}/integrations/${broker}`;
  await expect
    .poll(async () => (await product.call<{ status: { state: string } }>('GET', path)).status.state, { timeout: 15_000 })
    .toBe('connected');
  const told = await run(`${application.split('\n')[0]}\nAPP=${app}; BROKER=${broker}\n${say}`);
  expect(told).toContain('"received":');
  await expect
    .poll(() => product.call('GET', `${path}/ledger`), { timeout: 10_000 })
    .toMatchObject({ received: 1, dispatched: 1, runs: { succeeded: 1 } });
});
