import { getPath, renderJson } from '#lib/templating';
import { z } from 'zod';
import type { NodeType, Step } from '../node.ts';
import { render, renderRequired, requiredPath, requiredTemplate, template } from './config.ts';
import { keyOf, numberOf, recordOf } from './kept.ts';
import { put } from './payload.ts';

const shape = {
  valuePath: requiredPath,
  defaultValue: template,
  defaultValueType: z.enum(['template', 'string', 'json', 'number', 'path'], 'must be template, json, number or path').default('template'),
};
const Config = z.union([
  z.looseObject({ ...shape, getAll: z.literal(true) }),
  z.looseObject({ ...shape, getAll: z.literal(false).optional(), keyName: requiredTemplate }),
]);
type Config = z.infer<typeof Config>;

/** Reads what the workflow keeps under a key, or all of it as an object. Where nothing is kept: the default, or nothing. */
export const getValue: NodeType<Config> = {
  type: 'GetValueNode',
  config: Config,
  recorded: true,
  action: (config) => async (step) => {
    const value = await read(step, config);
    return { payload: put(step, step.payload, config.valuePath, value ?? defaultOf(step, config)), output: 0 };
  },
};

async function read(step: Step, config: Config): Promise<unknown> {
  const record = recordOf(step);
  if (config.getAll === true) return await record.kept();
  return await record.read({ kind: 'value', key: keyOf(renderRequired(step, 'keyName', config.keyName)) });
}

function defaultOf(step: Step, { defaultValue, defaultValueType }: Config): unknown {
  if (defaultValue === '') return undefined;
  if (defaultValueType === 'json') return renderJson(defaultValue, step.payload, { now: step.ports.now() });
  if (defaultValueType === 'number') return numberOf('defaultValue', render(step, defaultValue));
  return defaultValueType === 'path' ? getPath(step.payload, defaultValue) : render(step, defaultValue);
}
