import { evaluate } from '#lib/templating';
import { z } from 'zod';
import type { NodeType } from '../node.ts';
import { expression } from './config.ts';

const Config = z.looseObject({ expression });

/** Output 1 when the expression is truthy, else 0. */
export const conditional: NodeType<z.infer<typeof Config>> = {
  type: 'ConditionalNode',
  config: Config,
  action:
    ({ expression: source }) =>
    (step) => ({ payload: step.payload, output: evaluate(source, step.payload, { now: step.ports.now() }) ? 1 : 0 }),
};
