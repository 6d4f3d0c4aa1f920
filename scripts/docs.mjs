/** `npm run docs`: builds, then renews the generated reference in docs/ from the code. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuild } from './setup/build.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { NODE, ROOT } from './setup/paths.mjs';
import { run } from './setup/run.mjs';
import { main, SetupError, step } from './setup/step.mjs';

const built = (...path) => JSON.stringify(pathToFileURL(join(ROOT, 'dist', ...path)).href);
// In a process of its own: this one runs on whatever Node the machine has.
const RENEW = `
const { mkdirSync, writeFileSync } = await import('node:fs');
const { openApiDocument } = await import(${built('apps', 'gateway', 'src', 'openapi', 'document.js')});
const { connectorPages } = await import(${built('libs', 'connectors', 'src', 'reference.js')});
writeFileSync('docs/openapi.json', JSON.stringify(openApiDocument(), null, 2) + '\\n');
mkdirSync('docs/connectors', { recursive: true });
for (const { file, text } of connectorPages('.')) writeFileSync('docs/connectors/' + file, text);
`;

await main(async () => {
  await ensureDependencies();
  await ensureBuild();
  await step('docs/openapi.json, docs/connectors', async () => {
    const { code, output } = await run(NODE, ['--input-type=module', '--eval', RENEW], { cwd: ROOT });
    if (code !== 0) throw new SetupError(`the document could not be made:\n${output}`);
  });
});
