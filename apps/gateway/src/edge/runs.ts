import { activitySubject, RunItem, RunListParams } from '#lib/contracts';
import type { Bus, StoredMessage } from '#lib/messaging';
import type { z } from 'zod';
import type { EdgeHandler } from '../api/api.ts';
import { jsonOf, newest } from './newest.ts';

type Run = z.infer<typeof RunItem>;

/** Recent runs as ACTIVITY keeps them: a sample, the last 100 of each workflow of the last day. */
export function runsHandler(bus: Pick<Bus, 'list'>): EdgeHandler {
  return async ({ applicationId }, input) => {
    const { perPage, flowId, status } = RunListParams.parse(input.query);
    const wanted = (run: Run): boolean =>
      (flowId === undefined || run.flowId === flowId.toLowerCase()) && (status === undefined || run.status === status);
    const items = await newest(bus, 'ACTIVITY', activitySubject(applicationId, 'run', '>'), perPage, (message) => {
      const run = runOf(message);
      return run !== undefined && wanted(run) ? run : undefined;
    });
    return { items, count: items.length, applicationId };
  };
}

/** ACTIVITY keeps what a run said of itself as the body; its subject ends with the workflow. */
function runOf(message: StoredMessage): Run | undefined {
  const body = jsonOf(message);
  if (typeof body !== 'object' || body === null) return undefined;
  return RunItem.safeParse({ flowId: message.subject.split('.').at(-1), time: message.time, ...body }).data;
}
