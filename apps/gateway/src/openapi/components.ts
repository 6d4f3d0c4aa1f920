import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

/** JSON Schemas of zod schemas: those with an id in their `.meta()` stand once, below `components`, and are referred to. */
export class Components {
  readonly schemas: Record<string, JsonSchema> = {};

  /** What a caller may send, or gets: objects that don't say they are closed stay open. */
  of(schema: z.ZodType): JsonSchema {
    return this.#hoist(toJson(schema, 'input'));
  }

  /** Of a query parameter, as it is understood: its text is read into a number or flag first. */
  parameter(schema: z.ZodType): JsonSchema {
    return this.#hoist(toJson(schema, 'output'));
  }

  /** Gives a schema without an id a name. */
  name(name: string, schema: z.ZodType): void {
    this.schemas[name] = this.of(schema);
  }

  #hoist(schema: JsonSchema): JsonSchema {
    const { $schema: _dialect, $defs, id, ...rest } = schema;
    const referring = refer(rest) as JsonSchema;
    for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, JsonSchema>)) this.#keep(name, definition);
    if (typeof id !== 'string') return referring;
    this.#keep(id, rest);
    return { $ref: `#/components/schemas/${id}` };
  }

  #keep(name: string, schema: JsonSchema): void {
    const { id: _id, ...kept } = schema;
    const entry = refer(kept) as JsonSchema;
    const known = this.schemas[name];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(entry)) throw new Error(`two different schemas are called ${name}`);
    this.schemas[name] = entry;
  }
}

const toJson = (schema: z.ZodType, io: 'input' | 'output'): JsonSchema => ({
  ...z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any', override: ({ jsonSchema }) => shorten(jsonSchema) }),
});

/** `format` says what zod's long pattern of a date says. */
function shorten(schema: { format?: unknown; pattern?: unknown }): void {
  if (schema.format === 'date-time') delete schema.pattern;
}

/** Zod refers within one schema; a document refers to its components. */
function refer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(refer);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      key === '$ref' && typeof entry === 'string' ? entry.replace('#/$defs/', '#/components/schemas/') : refer(entry),
    ]),
  );
}
