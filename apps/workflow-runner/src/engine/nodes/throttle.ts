import { z } from 'zod';
import type { NodeType } from '../node.ts';
import { path, render, template } from './config.ts';
import { keyOf, recordOf } from './kept.ts';
import { put } from './payload.ts';

const Config = z.looseObject({
  ratePerMinute: z.number('must be a number above 0').positive('must be a number above 0'),
  /** Each of what it comes out as is throttled for itself. */
  throttleIdTemplate: template,
  timeSincePath: path,
});

interface Passed {
  /** Epoch ms. */
  readonly at: number;
}
interface Verdict {
  readonly passed: boolean;
  /** Ms since the last one that passed; absent: none did. */
  readonly since?: number;
}

/** Output 1 (passed) when at least 60 s ÷ ratePerMinute have gone by since the last run that passed here under the same id, else 0 (throttled). */
export const throttle: NodeType<z.infer<typeof Config>> = {
  type: 'ThrottleNode',
  config: Config,
  recorded: true,
  action:
    ({ ratePerMinute, throttleIdTemplate, timeSincePath }) =>
    async (step) => {
      const interval = 60_000 / ratePerMinute;
      const now = step.ports.now();
      const key = JSON.stringify([step.node.id, keyOf(render(step, throttleIdTemplate))]);
      const { passed, since } = (await recordOf(step).change(step.outputId, { kind: 'throttle', key }, (current) => {
        const last = (current as Passed | undefined)?.at;
        // A clock that was put back throttles nobody for longer than the interval.
        const gone = last === undefined ? undefined : Math.max(0, now - last);
        const verdict: Verdict = { passed: gone === undefined || gone >= interval, ...(gone === undefined ? {} : { since: gone }) };
        return verdict.passed ? { next: { at: now }, until: Math.ceil(now + interval), result: verdict } : { result: verdict };
      })) as Verdict;
      const payload = timeSincePath === '' ? step.payload : put(step, step.payload, timeSincePath, since);
      return { payload, output: passed ? 1 : 0 };
    },
};
