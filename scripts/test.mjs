/**
 * `npm test`: sets everything up, then types, lint, formatting, import rules, dead code, generated docs, and every test.
 * `npm test -- <path>` runs the tests below a path only. Ends with `N passed, N failed`.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuild } from './setup/build.mjs';
import { NODE, ROOT } from './setup/paths.mjs';
import { run } from './setup/run.mjs';
import { main, step } from './setup/step.mjs';
import { testEnvironment } from './setup/test-tools.mjs';

const only = process.argv.slice(2);
const REPORT = join(ROOT, '.bench', 'tests.json');

const CHECKS = [
  ['Types', ['node_modules/typescript7/bin/tsc', '-p', 'tsconfig.json']],
  ['Lint', ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings']],
  ['Formatting', ['node_modules/oxfmt/bin/oxfmt', '--check', 'apps', 'libs', 'test', 'scripts']],
  [
    'Which way imports point',
    ['node_modules/dependency-cruiser/bin/dependency-cruiser.mjs', 'apps', 'libs', 'test', '--config', '.dependency-cruiser.cjs'],
  ],
  ['Dead code and unused dependencies', ['node_modules/knip/bin/knip.js']],
];

await main(async () => {
  const env = await testEnvironment();
  let failed = 0;
  if (only.length === 0) {
    for (const [title, args] of CHECKS) {
      await step(title, async () => {
        const { code, output } = await run(NODE, args, { cwd: ROOT, env });
        if (code === 0) return;
        failed += 1;
        process.stdout.write(`${output}\n  FAILED: ${title}\n`);
      });
    }
  }
  await ensureBuild();
  mkdirSync(join(ROOT, '.bench'), { recursive: true });
  rmSync(REPORT, { force: true });
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`, ...only];
  const { code } = await run(NODE, args, { cwd: ROOT, env, show: true });
  const report = JSON.parse(readFileSync(REPORT, 'utf8'));
  const checks = only.length === 0 ? CHECKS.length : 0;
  const bad = report.numFailedTests + report.numFailedTestSuites + failed;
  const skipped = report.numPendingTests + report.numTodoTests;
  process.stdout.write(`\n${report.numPassedTests + checks - failed} passed, ${bad} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  if (skipped > 0 && process.env['CI'] === 'true') {
    process.stdout.write('In CI a skipped test is a failure.\n');
    return 1;
  }
  return code !== 0 || bad > 0 ? 1 : 0;
});
