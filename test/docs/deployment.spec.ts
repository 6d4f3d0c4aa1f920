import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { IntegrationType } from '#lib/contracts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
/** Every setting that the code reads. */
const KNOWN = new Set(
  execFileSync('git', ['grep', '-hoE', 'SLUICE_[A-Z_]+', '--', 'apps', 'libs', 'scripts'], { cwd: ROOT, encoding: 'utf8' }).split('\n'),
);

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, unknown>;
}

const compose = parse(read('docker/compose.yaml'), { merge: true }) as { services: Record<string, Service> };
const services = Object.entries(compose.services);

it('the containers run programs that exist', () => {
  const apps = services.flatMap(([, { environment }]) => environment?.['SLUICE_APP'] ?? []);
  expect([...new Set(apps)].toSorted()).toEqual(['config', 'connector', 'gateway', 'workflow-dispatch', 'workflow-runner']);
  for (const app of apps) expect(existsSync(join(ROOT, 'apps', app, 'src', 'main.ts'))).toBe(true);
  const program = compose.services['migrator']?.command?.at(-1) ?? '';
  expect(existsSync(join(ROOT, program.replace(/^dist\//, '').replace(/\.js$/, '.ts')))).toBe(true);
});

it('there is a connector service for each provider', () => {
  const providers = services.flatMap(([, { environment }]) => environment?.['SLUICE_PROVIDER'] ?? []);
  expect(providers.toSorted()).toEqual(IntegrationType.options.toSorted());
});

it('containers depend on containers that exist', () => {
  for (const [, { depends_on }] of services)
    for (const name of Object.keys(depends_on ?? {})) expect(Object.keys(compose.services)).toContain(name);
});

it('every setting in compose.yaml, the image and .env.example is one that the code reads', () => {
  const named = ['docker/compose.yaml', 'docker/Dockerfile', '.env.example'].flatMap((path) => read(path).match(/SLUICE_[A-Z_]+/g) ?? []);
  expect(named.length).toBeGreaterThan(20);
  // SLUICE_APP is the image's own: it says which program a container runs.
  expect([...new Set(named)].filter((name) => name !== 'SLUICE_APP' && !KNOWN.has(name))).toEqual([]);
});
