import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { NodeType, Step } from '../node.ts';
import { renderRequired, requiredTemplate } from './config.ts';

/** Longest delay, seconds: a run ends after 60 s. */
const MAX_SECONDS = 59;

const Config = z.preprocess(
  (config) => ({ delay: (config as { durationTemplate?: unknown }).durationTemplate, ...(config as object) }),
  z.looseObject({ delay: requiredTemplate }),
);

/** Goes on after a number of seconds, at most 59. The wait is on record: a run that is interrupted in it waits only for what remains. */
export const delay: NodeType<z.infer<typeof Config>> = {
  type: 'DelayNode',
  config: Config,
  recorded: true,
  action: (config) => async (step) => {
    await step.ports.record?.delay(step.outputId, secondsOf(step, config.delay) * 1_000);
    return { payload: step.payload, output: 0 };
  },
};

function secondsOf(step: Step, template: string): number {
  const text = renderRequired(step, 'delay', template).trim();
  const seconds = text === '' ? Number.NaN : Number(text);
  if (!(seconds >= 0))
    throw new NodeError('InvalidDelay', `delay came out as ${JSON.stringify(text.slice(0, 100))}: it must be a number of seconds`);
  if (seconds > MAX_SECONDS) throw new NodeError('InvalidDelay', `delay came out as ${seconds} s: it must be at most ${MAX_SECONDS}`);
  return seconds;
}
