import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { unpackDebianPackage } from './debian.mjs';
import { TOOLS } from './paths.mjs';
import { step } from './step.mjs';

const KEPT = join(TOOLS, 'mosquitto');

/**
 * A mosquitto broker for the tests: a given one, the machine's, or Debian's package with its libraries in `.tools`.
 * @returns {Promise<{program?: string, libraries?: string, problem?: string}>}
 */
export async function findMosquitto() {
  const given = process.env['SLUICE_MOSQUITTO'];
  if (given !== undefined && given !== '') return { program: given };
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const program = join(folder, 'mosquitto');
    if (folder !== '' && existsSync(program)) return { program };
  }
  if (!existsSync(join(KEPT, 'usr/sbin/mosquitto'))) {
    const problem = await step('Fetching mosquitto for the tests (once)', () =>
      unpackDebianPackage({ name: 'mosquitto', into: KEPT, withDependencies: true }),
    );
    if (problem !== undefined) return { problem };
  }
  const libraries = ['usr/lib', 'lib'].flatMap((path) => [join(KEPT, path, multiarch()), join(KEPT, path)]).join(delimiter);
  return { program: join(KEPT, 'usr/sbin/mosquitto'), libraries };
}

const multiarch = () => ({ x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' })[process.arch] ?? '';
