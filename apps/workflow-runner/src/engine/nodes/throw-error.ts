import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { NodeType } from '../node.ts';
import { renderRequired, requiredTemplate } from './config.ts';

const Config = z.looseObject({ messageTemplate: requiredTemplate });

/** Ends the run as failed, with the author's message. */
export const throwError: NodeType<z.infer<typeof Config>> = {
  type: 'ThrowErrorNode',
  config: Config,
  action:
    ({ messageTemplate }) =>
    (step) => {
      throw new NodeError('ThrowError', renderRequired(step, 'messageTemplate', messageTemplate));
    },
};
