import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { unpackDebianPackage } from './debian.mjs';
import { TOOLS } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError, step } from './step.mjs';

/** Atomic batches and per-message time-outs came with 2.12. */
const OLDEST = [2, 12];
const RELEASE = '2.12.1';
const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';
const KEPT = join(TOOLS, 'nats-server');

/** The path of a nats-server that is new enough: a given one, the machine's, ours from before, else fetched. */
export async function ensureNatsServer() {
  const given = process.env['SLUICE_NATS_SERVER'];
  if (given !== undefined && given !== '') {
    if (await isNewEnough(given)) return given;
    throw new SetupError(`SLUICE_NATS_SERVER does not name a nats-server ≥ ${OLDEST.join('.')}: ${given}`);
  }
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const program = join(folder, 'nats-server');
    if (folder !== '' && existsSync(program) && (await isNewEnough(program))) return program;
  }
  if (existsSync(KEPT) && (await isNewEnough(KEPT))) return KEPT;
  return await step('Fetching nats-server (once)', fetchNatsServer);
}

async function fetchNatsServer() {
  mkdirSync(TOOLS, { recursive: true });
  const tried = [];
  for (const source of [fromRelease, () => fromDebian('trixie'), () => fromDebian('sid')]) {
    const problem = await source();
    if (problem === undefined && (await isNewEnough(KEPT))) return KEPT;
    tried.push(problem ?? 'what came is too old');
  }
  throw new SetupError(
    `nats-server ≥ ${OLDEST.join('.')} is needed and could not be fetched:\n${tried.map((line) => `  - ${line}`).join('\n')}\n` +
      'Install it (https://docs.nats.io/running-a-nats-service/introduction/installation) or name one with SLUICE_NATS_SERVER, and start again.',
  );
}

/** The official release for this platform, its checksum compared with the release's own list. */
async function fromRelease() {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  if (arch === undefined || !['linux', 'darwin'].includes(process.platform))
    return `no official release is known for ${process.platform}-${process.arch}`;
  const archive = `nats-server-v${RELEASE}-${process.platform}-${arch}.tar.gz`;
  try {
    const sums = await (await answered(`${RELEASES}/v${RELEASE}/SHA256SUMS`, 5_000)).text();
    const wanted = sums
      .split('\n')
      .find((line) => line.trim().endsWith(archive))
      ?.trim()
      .split(/\s+/)[0];
    if (wanted === undefined) return `the release's checksums do not list ${archive}`;
    const bytes = Buffer.from(await (await answered(`${RELEASES}/v${RELEASE}/${archive}`, 60_000)).arrayBuffer());
    if (createHash('sha256').update(bytes).digest('hex') !== wanted) return `the checksum of ${archive} is wrong`;
    const file = join(TOOLS, archive);
    writeFileSync(file, bytes);
    const { code, output } = await run('tar', ['-xzf', file, '-C', TOOLS]);
    if (code !== 0) return `${archive} could not be unpacked: ${output}`;
    keep(join(TOOLS, archive.replace('.tar.gz', ''), 'nats-server'));
    return undefined;
  } catch (error) {
    return `the official release did not answer (${error.cause?.code ?? error.name})`;
  }
}

async function answered(url, timeoutMs) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer;
}

async function fromDebian(suite) {
  if (process.platform !== 'linux') return 'not a Linux machine: no Debian package';
  const into = join(TOOLS, `nats-server-${suite}`);
  const problem = await unpackDebianPackage({ name: 'nats-server', suite, into });
  if (problem !== undefined) return `Debian ${suite}: ${problem}`;
  const program = ['usr/sbin/nats-server', 'usr/bin/nats-server'].map((path) => join(into, path)).find((path) => existsSync(path));
  if (program === undefined) return `Debian ${suite}: the package holds no nats-server`;
  if (!(await isNewEnough(program))) return `Debian ${suite}: its nats-server is older than ${OLDEST.join('.')} or does not run here`;
  keep(program);
  return undefined;
}

function keep(program) {
  chmodSync(program, 0o755);
  renameSync(program, KEPT);
}

async function isNewEnough(program) {
  const { code, output } = await run(program, ['--version'], { timeoutMs: 5_000 });
  const found = /v(\d+)\.(\d+)/.exec(output);
  if (code !== 0 || found === null) return false;
  const [major, minor] = [Number(found[1]), Number(found[2])];
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}
