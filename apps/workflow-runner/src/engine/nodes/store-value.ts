import { getPath, renderJson } from '#lib/templating';
import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { KeptChange, NodeType, Step } from '../node.ts';
import { isPath, path, render, renderRequired, requiredTemplate, template } from './config.ts';
import { keyOf, numberOf, recordOf } from './kept.ts';
import { withResult } from './payload.ts';

const Config = z.looseObject({
  keyName: requiredTemplate,
  valueType: z.enum(
    ['template', 'json', 'number', 'path', 'incr', 'decr', 'clear'],
    'must be template, json, number, path, incr, decr or clear',
  ),
  value: template,
  valuePath: path,
  resultPath: path,
});
type Config = z.infer<typeof Config>;

/** Keeps a value for later runs of the workflow, changes it, or clears it; the result is what is kept then. A run that restarts makes no change twice. */
export const storeValue: NodeType<Config> = {
  type: 'StoreValueNode',
  config: Config,
  recorded: true,
  action: (config) => async (step) => {
    const key = keyOf(renderRequired(step, 'keyName', config.keyName));
    const result = await recordOf(step).change(step.outputId, { kind: 'value', key }, changeOf(step, config));
    return withResult(step, config.resultPath, result ?? undefined);
  },
};

function changeOf(step: Step, config: Config): KeptChange {
  const { valueType } = config;
  if (valueType === 'clear') return () => ({ next: undefined, result: undefined });
  if (valueType === 'incr' || valueType === 'decr') {
    const text = render(step, config.value).trim();
    const by = (text === '' ? 1 : numberOf('value', text)) * (valueType === 'incr' ? 1 : -1);
    return (current = 0) => {
      if (typeof current !== 'number') throw new NodeError('NotANumber', 'keyName: what is kept there is no number');
      return { next: current + by, result: current + by };
    };
  }
  const next = valueOf(step, config);
  return () => ({ next, result: next });
}

function valueOf(step: Step, { valueType, value, valuePath }: Config): unknown {
  if (valueType === 'json') return renderJson(value, step.payload, { now: step.ports.now() });
  if (valueType === 'number') return numberOf('value', renderRequired(step, 'value', value));
  if (valueType === 'template') return render(step, value);
  // Existing workflows name the path in `value`.
  const at = valuePath === '' ? value : valuePath;
  if (at === '') throw new NodeError('RequiredPath', 'valuePath is required');
  if (!isPath(at)) throw new NodeError('RequiredPath', 'value must be a payload path, as working.result');
  return getPath(step.payload, at);
}
