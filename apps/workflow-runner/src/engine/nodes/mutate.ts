import { getPath, removePath, renderJson, renderValue } from '#lib/templating';
import { z } from 'zod';
import type { NodeType, Step } from '../node.ts';
import { requiredPath, template } from './config.ts';
import { put } from './payload.ts';

const Rule = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('set'),
    valueTemplate: template.refine((source) => source.length <= 32_768, 'must have at most 32768 characters'),
    valueTemplateType: z.enum(['string', 'json'], 'must be string or json').default('string'),
    destination: requiredPath,
  }),
  z.looseObject({ type: z.literal('remove'), source: requiredPath }),
  z.looseObject({ type: z.literal('copy'), source: requiredPath, destination: requiredPath }),
  z.looseObject({ type: z.literal('move'), source: requiredPath, destination: requiredPath }),
]);
type Rule = z.infer<typeof Rule>;

const Config = z.looseObject({ rules: z.array(Rule, 'must be a list').max(100, 'must have at most 100 entries').default([]) });

/** Changes the payload by rules, one after the other. A missing source removes the destination of a copy or move: both then hold the same, nothing. */
export const mutate: NodeType<z.infer<typeof Config>> = {
  type: 'MutateNode',
  config: Config,
  action:
    ({ rules }) =>
    (step) => ({ payload: rules.reduce((payload, rule) => applied(step, payload, rule), step.payload), output: 0 }),
};

function applied(step: Step, payload: unknown, rule: Rule): unknown {
  switch (rule.type) {
    case 'set':
      return put(step, payload, rule.destination, valueOf(step, payload, rule));
    case 'remove':
      return removePath(payload, rule.source);
    case 'copy':
      return put(step, payload, rule.destination, getPath(payload, rule.source));
    default:
      return put(step, removePath(payload, rule.source), rule.destination, getPath(payload, rule.source));
  }
}

function valueOf(step: Step, payload: unknown, rule: Extract<Rule, { type: 'set' }>): unknown {
  const options = { now: step.ports.now() };
  if (rule.valueTemplateType === 'json') return renderJson(rule.valueTemplate, payload, options);
  const value = renderValue(rule.valueTemplate, payload, options);
  return value === undefined ? '' : value;
}
