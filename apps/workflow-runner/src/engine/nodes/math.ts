import { evaluate } from '#lib/templating';
import { z } from 'zod';
import type { NodeType } from '../node.ts';
import { expression, requiredPath } from './config.ts';
import { put } from './payload.ts';

const Config = z.looseObject({
  statements: z.array(z.looseObject({ expression, resultPath: requiredPath }), 'must be a list').default([]),
});

/** Calculates one statement after the other; each sees the results before it. A result is a number: NaN where a path is missing or a value is none. Text that says a number counts as one. */
export const math: NodeType<z.infer<typeof Config>> = {
  type: 'MathNode',
  config: Config,
  action:
    ({ statements }) =>
    (step) => {
      const now = step.ports.now();
      const payload = statements.reduce(
        (before, { expression: source, resultPath }) =>
          put(step, before, resultPath, numberOf(evaluate(source, before, { now, adds: true }))),
        step.payload,
      );
      return { payload, output: 0 };
    },
};

/** Lists and objects are no numbers, even those that JavaScript would read as one; nor is nothing. */
const numberOf = (value: unknown): number => (typeof value === 'object' ? Number.NaN : Number(value));
