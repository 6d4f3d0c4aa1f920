import type { Sealed } from '#lib/contracts';
import { isSealed } from './seal.ts';

/** Path of a secret field; `*` stands for the entries of a list: [`headers`, `*`, `headerValue`]. */
export type SecretPath = readonly string[];
type Config = Record<string, unknown>;

function mapAt(value: unknown, path: SecretPath, position: string, map: (value: unknown, position: string) => unknown): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return map(value, position);
  const step = (key: string | number): string => (position === '' ? String(key) : `${position}.${key}`);
  if (head === '*') return Array.isArray(value) ? value.map((entry, index) => mapAt(entry, rest, step(index), map)) : value;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, head)) return value;
  const object = value as Config;
  return object[head] === undefined ? value : { ...object, [head]: mapAt(object[head], rest, step(head), map) };
}

const mapPaths = (
  paths: readonly SecretPath[],
  config: Config,
  map: (value: unknown, field: string, position: string) => unknown,
): Config =>
  paths.reduce<Config>(
    (result, path) => mapAt(result, path, '', (value, position) => map(value, path.join('.'), position)) as Config,
    config,
  );

/**
 * A copy with every clear secret sealed. `kept`: position (`headers.0.headerValue`) → a secret that is stored already and takes its place unchanged.
 * What is sealed already stays.
 */
export const sealFields = (
  paths: readonly SecretPath[],
  config: Config,
  sealOne: (clear: string, field: string) => Sealed,
  kept: ReadonlyMap<string, unknown> = new Map(),
): Config =>
  mapPaths(paths, config, (value, field, position) => {
    if (kept.has(position)) return kept.get(position);
    return typeof value === 'string' ? sealOne(value, field) : value;
  });

/** A copy with every sealed secret, wherever it stands, opened. */
export function unsealFields(config: Config, unsealOne: (sealed: Sealed, field: string) => string): Config {
  const open = (value: unknown, field: string): unknown => {
    if (isSealed(value)) return unsealOne(value, field);
    const step = (key: string): string => (field === '' ? key : `${field}.${key}`);
    if (Array.isArray(value)) return value.map((entry) => open(entry, step('*')));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, open(entry, step(key))]));
  };
  return open(config, '') as Config;
}

/** A copy as an answer may show it: every secret, sealed or clear, replaced by the mask. */
export const maskFields = (paths: readonly SecretPath[], config: Config, mask: string): Config => {
  const masked = mapPaths(paths, config, (value) => (value === undefined ? value : mask));
  return unsealFields(masked, () => mask); // sealed where no mark says so: older definitions may have had other marks
};
