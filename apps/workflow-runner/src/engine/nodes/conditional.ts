import { evaluate, expressionIssue } from '#lib/templating';
import { z } from 'zod';
import type { NodeType } from '../node.ts';

const Config = z.looseObject({
  expression: z
    .string('is required')
    .min(1, 'is required')
    .superRefine((source, context) => {
      const issue = expressionIssue(source);
      if (issue !== undefined) context.addIssue({ code: 'custom', message: issue });
    }),
});

/** Output 1 when the expression is truthy, else 0. */
export const conditional: NodeType<z.infer<typeof Config>> = {
  type: 'ConditionalNode',
  config: Config,
  action:
    ({ expression }) =>
    (step) => ({ payload: step.payload, output: evaluate(expression, step.payload, { now: step.ports.now() }) ? 1 : 0 }),
};
