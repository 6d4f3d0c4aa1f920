import { z } from 'zod';
import type { NodeType } from '../node.ts';
import { path } from './config.ts';

const Config = z.looseObject({
  loopNodeId: z.string('is required').min(1, 'is required'),
  /** True of a break unless it says otherwise. */
  shouldBreak: z.boolean('must be true or false').optional(),
  /** Goes before the loop's. */
  mapValuePath: path,
});

/** Ends an iteration of the loop it stands in (next, return), or the whole loop (break). The first that an iteration comes to counts. */
export const loopCap: NodeType<z.infer<typeof Config>> = {
  type: 'LoopCapNode',
  config: Config,
  action:
    ({ loopNodeId, shouldBreak, mapValuePath }, meta) =>
    (step) => {
      const { payload, size } = step;
      step.hit(loopNodeId, { payload, size, mapValuePath, shouldBreak: shouldBreak ?? meta['name'] === 'loop-break' });
      return { payload, output: 0 };
    },
};
