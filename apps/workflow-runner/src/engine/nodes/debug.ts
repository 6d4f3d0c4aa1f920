import { getPath, render } from '#lib/templating';
import { z } from 'zod';
import type { NodeType } from '../node.ts';
import { path, template } from './config.ts';

const Config = z.looseObject({
  message: template,
  /** What to show; the whole payload when empty. */
  property: path,
  level: z.enum(['verbose', 'info', 'warn', 'error'], 'must be verbose, info, warn or error').default('verbose'),
});

/** Shows the payload, or a part of it, to whoever watches. */
export const debug: NodeType<z.infer<typeof Config>> = {
  type: 'DebugNode',
  config: Config,
  action:
    ({ message, property, level }) =>
    (step) => {
      const { payload, run, node, ports } = step;
      ports.debug({
        run,
        nodeId: node.id,
        nodeType: node.type,
        level,
        message: render(message, payload, { now: ports.now() }),
        payload: property === '' ? payload : getPath(payload, property),
      });
      return { payload, output: 0 };
    },
};
