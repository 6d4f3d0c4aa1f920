import { getPath } from '#lib/templating';
import { z } from 'zod';
import type { NodeType } from '../node.ts';
import { requiredPath } from './config.ts';
import { put } from './payload.ts';

const Config = z.looseObject({ source: requiredPath, destination: requiredPath });

/** Puts a value of the payload as JSON text at a path; where there is no value, nothing stands there afterwards. */
export const jsonEncode: NodeType<z.infer<typeof Config>> = {
  type: 'JsonEncodeNode',
  config: Config,
  action:
    ({ source, destination }) =>
    (step) => ({ payload: put(step, step.payload, destination, JSON.stringify(getPath(step.payload, source))), output: 0 }),
};
