import { z } from 'zod';
import { NodeError } from '../errors.ts';
import { expressionIssue, parsePath, render as renderTemplate, templateIssue } from '#lib/templating';
import type { Step } from '../node.ts';

/** Pieces of node configs. */

/** A template that has to say something: empty is refused where it stands, and when it renders to nothing. */
export const requiredTemplate = z
  .string('is required')
  .min(1, 'is required')
  .superRefine((source, context) => {
    const issue = templateIssue(source);
    if (issue !== undefined) context.addIssue({ code: 'custom', message: issue });
  });

/** A template that may be absent or empty. */
export const template = z
  .string('must be text')
  .default('')
  .superRefine((source, context) => {
    const issue = templateIssue(source);
    if (issue !== undefined) context.addIssue({ code: 'custom', message: issue });
  });

export const expression = z
  .string('is required')
  .min(1, 'is required')
  .superRefine((source, context) => {
    const issue = expressionIssue(source);
    if (issue !== undefined) context.addIssue({ code: 'custom', message: issue });
  });

export const isPath = (path: string): boolean => path !== '' && parsePath(path) !== undefined;

export const requiredPath = z.string('is required').refine(isPath, 'must be a payload path, as working.result');
export const path = z
  .string('must be a payload path')
  .default('')
  .refine((text) => text === '' || isPath(text), 'must be a payload path, as working.result');

/** Where a message comes from. */
export const textMethod = z.enum(['stringTemplate', 'payloadPath'], 'must be stringTemplate or payloadPath').default('stringTemplate');

/** The message of most nodes that send. */
export const dataFields = { dataMethod: textMethod, dataTemplate: template, dataPayloadPath: path };
export type Data = { readonly [Field in keyof typeof dataFields]: z.infer<(typeof dataFields)[Field]> };

export const render = (step: Step, source: string): string => renderTemplate(source, step.payload, { now: step.ports.now() });

/** Renders a required template. Throws RequiredTemplate, naming the field, when it comes out empty. */
export function renderRequired(step: Step, field: string, source: string): string {
  const text = render(step, source);
  if (text === '') throw new NodeError('RequiredTemplate', `${field} came out empty`);
  return text;
}
