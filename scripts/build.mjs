/** `npm run build`: installs what is missing and compiles apps and libs into dist/. */
import { ensureBuild } from './setup/build.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { main } from './setup/step.mjs';

await main(async () => {
  await ensureDependencies();
  await ensureBuild();
});
