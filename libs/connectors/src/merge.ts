import type { Definition } from '#lib/connector-sdk';
import { MASK } from './fields.ts';
import { fieldsOf, visit } from './marks.ts';

type Config = Readonly<Record<string, unknown>>;

export interface MergedConfig {
  /** The patch, completed: a kept secret stands as its mask. To be checked with `kept`'s keys. */
  readonly config: Record<string, unknown>;
  /** Position (`password`, `headers.0.headerValue`) → the secret as it is stored. */
  readonly kept: ReadonlyMap<string, unknown>;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Header values are kept by the header's name: a list may be reordered, shortened or added to. */
function keepInLists(stored: Config, config: Config, path: readonly string[], kept: Map<string, unknown>): void {
  const [list = '', , leaf = ''] = path;
  const entries = Array.isArray(config[list]) ? config[list] : [];
  const before = Array.isArray(stored[list]) ? (stored[list] as unknown[]).filter(isObject) : [];
  const nameOf = (entry: Config): string =>
    JSON.stringify(
      Object.entries(entry).flatMap(([key, value]) => (key === leaf ? [] : [key, typeof value === 'string' ? value.toLowerCase() : value])),
    );
  entries.forEach((entry: unknown, index) => {
    if (!isObject(entry) || entry[leaf] !== MASK) return;
    const same = before.find((other) => nameOf(other) === nameOf(entry));
    if (same?.[leaf] !== undefined) kept.set(`${list}.${index}.${leaf}`, same[leaf]);
  });
}

/**
 * What a `<type>Config` in a PATCH means: it replaces the stored one, except that a secret which is absent or equal to its mask is kept while the way of
 * authenticating stays the same. A secret that the schema requires is kept by its mask only. `stored` has its secrets sealed, and so has `kept`.
 */
export function mergePatchedConfig(
  definition: Definition,
  stored: Config,
  patch: unknown,
  credentials: { stored: string | undefined; patched: string | undefined },
): MergedConfig {
  const kept = new Map<string, unknown>();
  if (!isObject(patch)) return { config: patch as Record<string, unknown>, kept };
  const config: Record<string, unknown> = { ...patch };
  const same = definition.authentication(stored, credentials.stored) === definition.authentication(patch, credentials.patched);
  for (const { path, marks, optional } of fieldsOf(definition)) {
    if (marks.secret !== true) continue;
    if (path.includes('*')) {
      keepInLists(stored, config, path, kept);
      continue;
    }
    const [field = ''] = path;
    const absent = config[field] === undefined;
    if (!same || stored[field] === undefined || (absent ? !optional : config[field] !== MASK)) continue;
    config[field] = MASK;
    kept.set(field, stored[field]);
  }
  return { config, kept };
}

/** The stored configuration as a PATCH without `<type>Config` leaves it: switching to a credential drops what authenticated inline. */
export function keepConfig(
  definition: Definition,
  stored: Config,
  credentials: { stored: string | undefined; patched: string | undefined },
): MergedConfig {
  const config: Record<string, unknown> = structuredClone({ ...stored });
  if (credentials.stored === undefined && credentials.patched !== undefined)
    for (const field of definition.inlineAuthentication) delete config[field];
  const kept = new Map<string, unknown>();
  for (const { path, marks } of fieldsOf(definition)) {
    if (marks.secret !== true) continue;
    visit(config, path, (value, position) => {
      kept.set(position.join('.'), value);
      let parent: Record<string | number, unknown> = config;
      for (const step of position.slice(0, -1)) parent = parent[step] as Record<string | number, unknown>;
      parent[position[position.length - 1] ?? ''] = MASK;
    });
  }
  return { config, kept };
}
