import { getPath } from '../path.ts';
import { emptyObject, isObject, own, same, toText } from '../values.ts';
import type { HelperCall, InlineHelper } from './types.ts';

function indexByKey([list, wanted, keyPath]: readonly unknown[], { budget }: HelperCall): number {
  if (!Array.isArray(list)) return -1;
  const path = toText(keyPath ?? 'key', budget);
  return list.findIndex((entry) => {
    budget.spend(1 + path.length / 16);
    return same(getPath(entry, path), wanted);
  });
}

function valueByKey(args: readonly unknown[], call: HelperCall): unknown {
  const [list, , , valuePath] = args;
  const index = indexByKey(args, call);
  return index === -1 || !Array.isArray(list) ? undefined : getPath(list[index], toText(valuePath ?? 'value', call.budget));
}

/** The properties of all of them, the later ones winning; not deep. What is no object is skipped. */
function merge(args: readonly unknown[], { budget }: HelperCall): Record<string, unknown> {
  const merged = emptyObject();
  for (const arg of args) {
    if (!isObject(arg)) continue;
    const keys = Object.keys(arg);
    budget.spend(keys.length / 16);
    for (const key of keys) merged[key] = arg[key];
  }
  return { ...merged };
}

export const COLLECTIONS: Readonly<Record<string, InlineHelper>> = {
  obj: (_args, hash) => ({ ...hash }),
  array: (args) => [...args],
  merge: (args, _hash, call) => merge(args, call),
  lookup: ([value, key], _hash, { budget }) => own(value, toText(key, budget)),
  last: ([value]) => (Array.isArray(value) || typeof value === 'string' ? value.at(-1) : undefined),
  indexByKey: (args, _hash, call) => indexByKey(args, call),
  valueByKey: (args, _hash, call) => valueByKey(args, call),
};
