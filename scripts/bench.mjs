/** `npm run bench`: all benchmarks; `npm run bench -- fullLoad` some of them. Not a test: it prints what it finds, also where a target is missed. */
import { ensureBuild } from './setup/build.mjs';
import { NODE, ROOT } from './setup/paths.mjs';
import { run } from './setup/run.mjs';
import { main } from './setup/step.mjs';
import { testEnvironment } from './setup/test-tools.mjs';

await main(async () => {
  const env = await testEnvironment();
  await ensureBuild();
  const args = [
    '-C',
    'source',
    '--experimental-transform-types',
    '--disable-warning=ExperimentalWarning',
    'test/bench/main.ts',
    ...process.argv.slice(2),
  ];
  const { code } = await run(NODE, args, { cwd: ROOT, env, show: true });
  return code;
});
