import { z } from 'zod';
import type { NodeType } from '../node.ts';
import { render, requiredTemplate, template } from './config.ts';

const Config = z.looseObject({
  switchTemplate: requiredTemplate,
  /** `caseLabel` is for people; `dontBreak` has no effect. */
  cases: z.array(z.looseObject({ caseTemplate: template }), 'must be a list'),
});

/** Output n + 1 for the first case n whose text is exactly the switch's, else 0. A switch that comes out empty equals a case that does. */
export const switchNode: NodeType<z.infer<typeof Config>> = {
  type: 'SwitchNode',
  config: Config,
  action:
    ({ switchTemplate, cases }) =>
    (step) => {
      const text = render(step, switchTemplate);
      return { payload: step.payload, output: cases.findIndex(({ caseTemplate }) => render(step, caseTemplate) === text) + 1 };
    },
};
