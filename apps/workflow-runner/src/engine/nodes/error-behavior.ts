import { z } from 'zod';
import { runErrorOf, type NodeError } from '../errors.ts';
import type { Outcome, Step } from '../node.ts';
import { path } from './config.ts';
import { put } from './payload.ts';

/** What nodes do about an error of their own action: end the run, or put it into the payload and go on. */
export const errorFields = {
  errorBehavior: z.enum(['throw', 'payloadPath'], 'must be throw or payloadPath').default('throw'),
  /** Required with `payloadPath`. */
  errorPath: path,
};
interface ErrorConfig {
  readonly errorBehavior: 'throw' | 'payloadPath';
  readonly errorPath: string;
}

export const needsErrorPath = ({ errorBehavior, errorPath }: ErrorConfig, context: z.RefinementCtx): void => {
  if (errorBehavior === 'payloadPath' && errorPath === '')
    context.addIssue({ code: 'custom', path: ['errorPath'], message: 'is required' });
};

/** Throws the error, or goes on with `{name, message, nodeId, nodeType}` at the error's path. */
export function failed(step: Step, { errorBehavior, errorPath }: ErrorConfig, error: NodeError): Outcome {
  if (errorBehavior === 'throw') throw error;
  return { payload: put(step, step.payload, errorPath, runErrorOf(error, step.node)), output: 0 };
}
