/**
 * `npm start`: installs what is missing, builds, and runs everything until SIGTERM or Ctrl-C. Exit code 0 after a clean end.
 * Plain Node ≥ 20, no dependency: it runs before anything is installed.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuild } from './setup/build.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureNatsServer } from './setup/nats-server.mjs';
import { NODE, ROOT } from './setup/paths.mjs';
import { main } from './setup/step.mjs';

await main(async () => {
  const [natsServer] = await Promise.all([ensureNatsServer(), ensureDependencies()]);
  await ensureBuild();
  const conditions = process.env['SLUICE_FAULT'] === undefined ? [] : ['-C', 'fault'];
  const child = spawn(NODE, ['--enable-source-maps', ...conditions, join(ROOT, 'dist/apps/standalone/src/main.js')], {
    env: { ...process.env, SLUICE_NATS_SERVER: natsServer },
    // The channel closes when this launcher dies, however it dies: the product then shuts itself down.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  // One Ctrl-C arrives more than once: from the terminal and from npm. Only a later one is a second wish, which ends the product at once.
  let asked = -Infinity;
  const stop = () => {
    if (performance.now() - asked < 1_000) return;
    asked = performance.now();
    child.kill('SIGTERM');
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
});
