import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOOLS } from './paths.mjs';
import { run } from './run.mjs';

/**
 * Unpacks Debian packages into a folder of ours: a private apt state, no root, nothing installed on the machine. The mirror is the one
 * the machine itself uses.
 * @param {{name: string, suite?: string, into: string, withDependencies?: boolean}} wanted suite: of the machine's own sources when absent
 * @returns {Promise<string | undefined>} why it could not be had, or undefined
 */
export async function unpackDebianPackage({ name, suite, into, withDependencies = false }) {
  const mirror = machineMirror();
  if (mirror === undefined) return 'this machine has no Debian package sources';
  const apt = join(TOOLS, 'apt', suite ?? 'own');
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'packages']) mkdirSync(join(apt, folder), { recursive: true });
  const options = [
    ...['-o', `Dir::State=${apt}/state`, '-o', `Dir::State::lists=${apt}/state/lists`, '-o', `Dir::Cache=${apt}/cache`],
    ...['-o', 'Dir::State::status=/var/lib/dpkg/status', '-o', 'Acquire::Retries=2', '-o', 'APT::Sandbox::User='],
  ];
  if (suite !== undefined) {
    const keyring = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'].find((path) =>
      existsSync(path),
    );
    writeFileSync(join(apt, 'sources.list'), `deb ${keyring === undefined ? '' : `[signed-by=${keyring}] `}${mirror} ${suite} main\n`);
    options.push('-o', `Dir::Etc::sourcelist=${apt}/sources.list`, '-o', 'Dir::Etc::sourceparts=-');
  }
  const update = await run('apt-get', [...options, '-q', 'update'], { timeoutMs: 120_000 });
  if (update.code !== 0) return `apt-get update failed: ${update.output.trim().split('\n').at(-1)}`;
  const names = withDependencies ? await missingPackages(options, name) : [name];
  rmSync(join(apt, 'packages'), { recursive: true, force: true });
  mkdirSync(join(apt, 'packages'));
  const download = await run('apt-get', [...options, '-q', 'download', ...names], { cwd: join(apt, 'packages'), timeoutMs: 180_000 });
  if (download.code !== 0) return `apt-get download ${name} failed: ${download.output.trim().split('\n').at(-1)}`;
  mkdirSync(into, { recursive: true });
  for (const file of readdirSync(join(apt, 'packages'))) {
    const unpack = await run('dpkg-deb', ['-x', join(apt, 'packages', file), into]);
    if (unpack.code !== 0) return `dpkg-deb -x ${file} failed: ${unpack.output}`;
  }
  return undefined;
}

/** What apt would install for a package on this machine. */
async function missingPackages(options, name) {
  const { output } = await run('apt-get', [...options, '-s', '--no-install-recommends', 'install', name]);
  const names = [...output.matchAll(/^Inst (\S+)/gm)].map((match) => match[1]);
  return names.includes(name) ? names : [name, ...names];
}

/** The address of the machine's own Debian mirror, from either format of its sources. */
function machineMirror() {
  const files = ['/etc/apt/sources.list'];
  const folder = '/etc/apt/sources.list.d';
  if (existsSync(folder)) files.push(...readdirSync(folder).map((file) => join(folder, file)));
  for (const file of files) {
    if (!existsSync(file)) continue;
    const text = readFileSync(file, 'utf8');
    const found = /^URIs:\s*(\S+\/debian)\/?\s*$/m.exec(text) ?? /^deb\s+(?:\[[^\]]*\]\s+)?(\S+\/debian)\/?\s/m.exec(text);
    if (found !== null) return found[1];
  }
  return undefined;
}
