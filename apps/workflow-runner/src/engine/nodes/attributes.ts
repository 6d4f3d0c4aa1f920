import { getPath, renderJson, renderValue } from '#lib/templating';
import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { Step } from '../node.ts';
import { renderRequired, requiredTemplate, template } from './config.ts';

/** What goes beside a message: attributes or properties, by name. */

export const attributeMethod = z
  .enum(['individualFields', 'jsonTemplate', 'payloadPath'], 'must be individualFields, jsonTemplate or payloadPath')
  .default('individualFields');

/** `{name, value}` is an older way to put it. */
const asRow = (row: unknown): unknown =>
  typeof row === 'object' && row !== null && 'name' in row && !('keyTemplate' in row)
    ? { keyTemplate: row.name, valueTemplate: 'value' in row ? row.value : undefined }
    : row;

/** No provider takes more than some hundred with one message. */
const MAX_ROWS = 1_000;

export const attributeRows = z
  .array(z.preprocess(asRow, z.looseObject({ keyTemplate: requiredTemplate, valueTemplate: template })), 'must be a list')
  .max(MAX_ROWS, `must have at most ${MAX_ROWS} entries`)
  .default([]);

export interface AttributeSource {
  readonly method: z.infer<typeof attributeMethod>;
  readonly rows: z.infer<typeof attributeRows>;
  readonly template: readonly [field: string, source: string];
  readonly path: readonly [field: string, path: string];
}

/** The attributes, typed as they stand in the payload: one lone reference in a row keeps its type. Throws where a template or path gives no object. */
export function attributesOf(
  step: Step,
  { method, rows, template: [field, source], path: [pathField, at] }: AttributeSource,
): [string, unknown][] {
  const options = { now: step.ports.now() };
  if (method === 'individualFields')
    return rows.map(({ keyTemplate, valueTemplate }) => [
      renderRequired(step, 'keyTemplate', keyTemplate),
      renderValue(valueTemplate, step.payload, options),
    ]);
  if (method === 'payloadPath') return entriesOf(pathField, at === '' ? {} : (getPath(step.payload, at) ?? {}));
  return source === '' ? [] : entriesOf(field, renderJson(source, step.payload, options));
}

function entriesOf(field: string, value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date)
    throw new NodeError('InvalidAttributes', `${field} must give an object`);
  return Object.entries(value);
}
