/** `npm run docs`: builds, then renews the generated reference in docs/ from the code. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuild } from './setup/build.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { NODE, ROOT } from './setup/paths.mjs';
import { run } from './setup/run.mjs';
import { main, SetupError, step } from './setup/step.mjs';

const DOCUMENT = pathToFileURL(join(ROOT, 'dist', 'apps', 'gateway', 'src', 'openapi', 'document.js')).href;
// In a process of its own: this one runs on whatever Node the machine has.
const RENEW = `
const { writeFileSync } = await import('node:fs');
const { openApiDocument } = await import(${JSON.stringify(DOCUMENT)});
writeFileSync('docs/openapi.json', JSON.stringify(openApiDocument(), null, 2) + '\\n');
`;

await main(async () => {
  await ensureDependencies();
  await ensureBuild();
  await step('docs/openapi.json', async () => {
    const { code, output } = await run(NODE, ['--input-type=module', '--eval', RENEW], { cwd: ROOT });
    if (code !== 0) throw new SetupError(`the document could not be made:\n${output}`);
  });
});
