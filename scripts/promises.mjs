/**
 * `npm run promises`: runs the tests that prove promises and prints the figure of each. `--write` keeps them in docs/promises.md;
 * `--long` runs the long forms.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuild } from './setup/build.mjs';
import { NODE, ROOT } from './setup/paths.mjs';
import { run } from './setup/run.mjs';
import { main } from './setup/step.mjs';
import { testEnvironment } from './setup/test-tools.mjs';

const FIGURES = join(ROOT, '.bench', 'figures.jsonl');

await main(async () => {
  const env = { ...(await testEnvironment()), SLUICE_FIGURES: FIGURES };
  if (process.argv.includes('--long')) env['SLUICE_LONG'] = '1';
  await ensureBuild();
  mkdirSync(join(ROOT, '.bench'), { recursive: true });
  rmSync(FIGURES, { force: true });
  const { code } = await run(NODE, ['node_modules/vitest/vitest.mjs', 'run', 'promise', 'test/e2e/services'], {
    cwd: ROOT,
    env,
    show: true,
  });
  const figures = existsSync(FIGURES)
    ? readFileSync(FIGURES, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .toSorted((a, b) => a.promise - b.promise || a.what.localeCompare(b.what))
    : [];
  const rows = figures.map(
    ({ promise, what, figure, holds }) => `| ${promise} | ${what} | ${figure} | ${holds ? 'holds' : '**missed**'} |`,
  );
  const table = ['| promise | what was done | figure | |', '|---|---|---|---|', ...rows].join('\n');
  process.stdout.write(`\n${table}\n`);
  if (process.argv.includes('--write')) {
    const head =
      '# Promises and their current figures\n\nMade by `npm run promises -- --write`. Absolute times vary by machine; compare within one run.\n\n';
    writeFileSync(join(ROOT, 'docs', 'promises.md'), `${head}${table}\n`);
  }
  return code;
});
