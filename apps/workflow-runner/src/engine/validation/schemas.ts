import { Ajv, type Options, type ValidateFunction } from 'ajv';
import draft06 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import Draft4 from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import type { ValidationAnswer, ValidationRequest } from './protocol.ts';

/** Compiled schemas that are kept: so many, and so many characters of text in all. */
const MAX_KEPT = 100;
const MAX_KEPT_CHARACTERS = 1_000_000;
/** More is cut: each entry of a list may be wrong in many ways. */
const MAX_ERRORS = 100;

// A schema's words are the author's: unknown ones are skipped, and patterns are what JavaScript takes without the u flag, as in older drafts.
const OPTIONS: Options = { allErrors: true, strict: false, logger: false, unicodeRegExp: false };

/** By what `$schema` says, without protocol and empty fragment. */
const DRAFTS: Readonly<Record<string, () => Ajv>> = {
  'json-schema.org/draft-04/schema': () => new Draft4.default(OPTIONS),
  'json-schema.org/draft-06/schema': () => new Ajv(OPTIONS).addMetaSchema(draft06),
  'json-schema.org/draft-07/schema': () => new Ajv(OPTIONS),
  'json-schema.org/draft/2019-09/schema': () => new Ajv2019(OPTIONS),
  'json-schema.org/draft/2020-12/schema': () => new Ajv2020(OPTIONS),
};
const DEFAULT = 'json-schema.org/draft-04/schema';

type Refusal = Extract<ValidationAnswer, { ok: false }>;
const refused = (message: string): Refusal => ({ ok: false, name: 'InvalidSchema', message });

/** Compiles schemas and keeps those that were used last. */
export class Schemas {
  readonly #kept = new Map<string, ValidateFunction | Refusal>();
  #characters = 0;

  /** How many are kept. */
  get size(): number {
    return this.#kept.size;
  }

  validate({ schema, json }: ValidationRequest): ValidationAnswer {
    const compiled = this.#compiled(schema);
    if (typeof compiled !== 'function') return compiled;
    try {
      const valid = compiled(json === undefined ? undefined : JSON.parse(json));
      return { ok: true, errors: valid ? [] : (compiled.errors ?? []).slice(0, MAX_ERRORS) };
    } catch (error) {
      return refused(`the schema can't be applied: ${messageOf(error)}`);
    }
  }

  #compiled(text: string): ValidateFunction | Refusal {
    const known = this.#kept.get(text);
    if (known !== undefined) {
      this.#kept.delete(text);
      this.#kept.set(text, known);
      return known;
    }
    const made = compile(text);
    this.#kept.set(text, made);
    this.#characters += text.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT && this.#characters <= MAX_KEPT_CHARACTERS) break;
      this.#kept.delete(oldest);
      this.#characters -= oldest.length;
    }
    return made;
  }
}

/** In an instance of its own: what schemas define by `$id` stays theirs. No instance loads anything. */
function compile(text: string): ValidateFunction | Refusal {
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch {
    return refused('the schema is not JSON');
  }
  if (typeof schema !== 'boolean' && (typeof schema !== 'object' || schema === null || Array.isArray(schema)))
    return refused('a schema is an object, or true or false');
  const { $schema = DEFAULT, $async } = Object(schema) as { $schema?: unknown; $async?: unknown };
  const draft = String($schema)
    .replace(/^https?:\/\//, '')
    .replace(/#$/, '');
  const make = Object.hasOwn(DRAFTS, draft) ? DRAFTS[draft] : undefined;
  if (make === undefined) return refused('$schema must be of draft 4, 6, 7, 2019-09 or 2020-12');
  if ($async !== undefined) return refused('$async can not be used');
  try {
    const ajv = make();
    addFormats.default(ajv);
    return ajv.compile(schema);
  } catch (error) {
    return refused(messageOf(error));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
