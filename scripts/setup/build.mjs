import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE, ROOT } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError, step } from './step.mjs';

const STAMP = join(ROOT, 'dist', '.built');

/** Compiles apps and libs into dist/ when a source is newer than the last build. */
export async function ensureBuild() {
  const built = existsSync(STAMP) ? statSync(STAMP).mtimeMs : 0;
  if (built > newest()) return;
  await step('Building', async () => {
    rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
    const started = new Date();
    const { code, output } = await run(NODE, ['node_modules/typescript7/bin/tsc', '-p', 'tsconfig.build.json'], { cwd: ROOT });
    if (code !== 0) throw new SetupError(`the build failed:\n${output}`);
    writeFileSync(STAMP, started.toISOString());
  });
}

/** The newest change of what the build reads, ms since the epoch. */
function newest() {
  let latest = 0;
  const visit = (path) => {
    const found = statSync(path);
    latest = Math.max(latest, found.mtimeMs);
    if (found.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
  };
  for (const path of ['apps', 'libs', 'tsconfig.base.json', 'tsconfig.build.json', 'package.json']) visit(join(ROOT, path));
  return latest;
}
