/** What the validator's two sides say to each other, and what a node gets. */

export interface ValidationRequest {
  /** JSON text of a JSON Schema. */
  readonly schema: string;
  /** JSON text of what is validated; undefined: there is nothing. */
  readonly json: string | undefined;
}

/** What is wrong, as Ajv says it: `{keyword, instancePath, schemaPath, params, message}`. Empty: it is valid. */
export type ValidationAnswer =
  | { readonly ok: true; readonly errors: readonly object[] }
  | { readonly ok: false; readonly name: string; readonly message: string };
