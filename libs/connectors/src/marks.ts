import type { Definition, FieldMarks } from '#lib/connector-sdk';
import { z } from 'zod';

/** A leaf of a configuration schema. In its path `*` stands for the entries of a list. */
export interface Field {
  readonly path: readonly string[];
  readonly marks: FieldMarks;
  /** May be left out. */
  readonly optional: boolean;
}

function unwrap(schema: z.core.$ZodType): { inner: z.core.$ZodType; optional: boolean; marks: FieldMarks } {
  let inner = schema;
  let optional = false;
  let marks: FieldMarks = z.globalRegistry.get(inner) ?? {};
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodNullable) {
    optional = true;
    inner = inner.def.innerType;
    marks = { ...(z.globalRegistry.get(inner) as FieldMarks | undefined), ...marks };
  }
  return { inner, optional, marks };
}

function walk(schema: z.core.$ZodType, path: readonly string[], into: Field[]): void {
  const { inner, optional, marks } = unwrap(schema);
  if (inner instanceof z.ZodObject)
    for (const [key, child] of Object.entries(inner.shape)) walk(child as z.core.$ZodType, [...path, key], into);
  else if (inner instanceof z.ZodArray) walk(inner.element, [...path, '*'], into);
  else into.push({ path, marks, optional });
}

const known = new WeakMap<object, readonly Field[]>();

/** Every leaf of a definition's configuration with its marks. */
export function fieldsOf(definition: Pick<Definition, 'config'>): readonly Field[] {
  const cached = known.get(definition.config);
  if (cached !== undefined) return cached;
  const fields: Field[] = [];
  walk(definition.config, [], fields);
  known.set(definition.config, fields);
  return fields;
}

export type FieldPath = readonly string[];

/** Paths of the fields to seal and mask, as [`password`] or [`headers`, `*`, `headerValue`]. */
export const secretPaths = (definition: Pick<Definition, 'config'>): readonly FieldPath[] =>
  fieldsOf(definition).flatMap(({ path, marks }) => (marks.secret ? [path] : []));

/** Paths of the fields that accept templates. */
export const templatePaths = (definition: Pick<Definition, 'config'>): readonly FieldPath[] =>
  fieldsOf(definition).flatMap(({ path, marks }) => (marks.template ? [path] : []));

/** Calls back for every present value at a path. */
export function visit(
  value: unknown,
  path: FieldPath,
  onValue: (value: unknown, at: (string | number)[]) => void,
  at: (string | number)[] = [],
): void {
  const [head, ...rest] = path;
  if (head === undefined) {
    if (value !== undefined) onValue(value, at);
  } else if (head === '*') {
    if (Array.isArray(value)) value.forEach((entry, index) => visit(entry, rest, onValue, [...at, index]));
  } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, head)) {
    visit((value as Record<string, unknown>)[head], rest, onValue, [...at, head]);
  }
}
