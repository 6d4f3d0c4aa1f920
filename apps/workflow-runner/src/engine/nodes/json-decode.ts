import { getPath } from '#lib/templating';
import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { NodeType } from '../node.ts';
import { requiredPath } from './config.ts';
import { errorFields, failed, needsErrorPath } from './error-behavior.ts';
import { put } from './payload.ts';

const Config = z.looseObject({ source: requiredPath, destination: requiredPath, ...errorFields }).superRefine(needsErrorPath);

/** Parses the JSON text at a path. A number, true, false and null are taken as they are. */
export const jsonDecode: NodeType<z.infer<typeof Config>> = {
  type: 'JsonDecodeNode',
  config: Config,
  action: (config) => (step) => {
    const value = getPath(step.payload, config.source);
    const decoded = parsed(config.source, value);
    if (decoded instanceof NodeError) return failed(step, config, decoded);
    return { payload: put(step, step.payload, config.destination, decoded), output: 0 };
  },
};

function parsed(source: string, value: unknown): unknown {
  if (value === undefined) return new NodeError('InvalidJson', `source: there is nothing at ${source}`);
  if (typeof value === 'object' && value !== null) return new NodeError('InvalidJson', `source: what stands at ${source} is not text`);
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    // The parser's words quote their input.
    return new NodeError('InvalidJson', `source: the text at ${source} is not JSON`);
  }
}
