import { getPath, removePath, setPath } from '#lib/templating';
import { NodeError } from '../errors.ts';
import type { Outcome, Step } from '../node.ts';
import { type Data, renderRequired } from './config.ts';

/** What nodes take from a payload and put into it. */

/** The payload with a value at a path; undefined leaves nothing there. Throws PayloadTooLarge. */
export function put({ size }: Pick<Step, 'size'>, payload: unknown, destination: string, value: unknown): unknown {
  if (value === undefined) return removePath(payload, destination);
  const changed = setPath(payload, destination, value);
  // A list is filled up to its new index.
  if (LARGE_INDEX.test(destination)) size.measure(changed);
  else size.grew(changed, value);
  return changed;
}

const LARGE_INDEX = /\d{4}/;

/** Goes on along the first output with a result at `resultPath`; where that is empty, nobody wants it. */
export const withResult = (step: Step, resultPath: string, result: unknown): Outcome => ({
  payload: resultPath === '' ? step.payload : put(step, step.payload, resultPath, result),
  output: 0,
});

/** A value as the text of a message: text as it is, dates in ISO 8601, nothing as '', everything else as JSON. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  return value instanceof Date ? value.toISOString() : JSON.stringify(value);
}

/** Where a node takes its message from; the fields' names are for errors. */
export interface TextSource {
  readonly method: 'stringTemplate' | 'payloadPath';
  readonly template: readonly [field: string, source: string];
  readonly path: readonly [field: string, path: string];
}

/** The message. Throws RequiredTemplate when the template comes out empty, RequiredPath when nothing stands at the path. */
export function messageOf(step: Step, { method, template, path }: TextSource): string {
  if (method === 'stringTemplate') return renderRequired(step, ...template);
  const [field, at] = path;
  const value = getPath(step.payload, at);
  if (value === undefined) throw new NodeError('RequiredPath', at === '' ? `${field} is required` : `${field}: there is nothing at ${at}`);
  return textOf(value);
}

/** {@link messageOf} the fields that most nodes which send have for it. */
export const dataOf = (step: Step, config: Data): string =>
  messageOf(step, {
    method: config.dataMethod,
    template: ['dataTemplate', config.dataTemplate],
    path: ['dataPayloadPath', config.dataPayloadPath],
  });
