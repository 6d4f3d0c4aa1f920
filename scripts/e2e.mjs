/** `npm run e2e`: the product end to end against real brokers, each case printed. `npm run e2e -- <name>` runs the cases whose name matches. */
import { ensureBuild } from './setup/build.mjs';
import { NODE, ROOT } from './setup/paths.mjs';
import { run } from './setup/run.mjs';
import { main } from './setup/step.mjs';
import { testEnvironment } from './setup/test-tools.mjs';

await main(async () => {
  const env = await testEnvironment();
  await ensureBuild();
  const filter = process.argv.slice(2).flatMap((name) => ['-t', name]);
  const { code } = await run(NODE, ['node_modules/vitest/vitest.mjs', 'run', '--reporter=verbose', 'test/e2e', ...filter], {
    cwd: ROOT,
    env,
    show: true,
  });
  return code;
});
