import { z } from 'zod';
import { Activity, DeadLetter } from '../bus.ts';
import { ResourceId } from '../ids.ts';
import { queryInteger } from './common.ts';

/** What people look at: dead letters, activity, runs. */

export const DeadLetterListParams = z.object({
  perPage: queryInteger(1, 1000).default(100).meta({ description: 'How many at most, newest first.' }),
  sourceId: ResourceId.optional().meta({ description: 'Of one integration or workflow only.' }),
  reason: z.string().max(64).optional().meta({ description: 'With this reason code only.' }),
});
export const DeadLetterItem = DeadLetter.omit({ replay: true })
  .extend({ replayable: z.boolean().meta({ description: 'Whether it can be replayed.' }) })
  .meta({ id: 'DeadLetter', title: 'Dead letter', description: 'A message or event that failed for good, and why.' });
export const DeadLetterList = z
  .object({ items: z.array(DeadLetterItem), count: z.int(), applicationId: ResourceId })
  .meta({ id: 'DeadLetters', title: 'Dead letters' });
export const DeadLetterReplayed = z
  .object({ success: z.literal(true), id: z.string().optional().meta({ description: 'Id of the new message.' }) })
  .meta({ id: 'DeadLetterReplayed', title: 'Replayed' });

export const ActivityParams = z.object({
  kind: Activity.shape.kind.optional().meta({ description: 'One kind only.' }),
  id: z.string().max(64).optional().meta({ description: 'Of one integration or workflow only.' }),
});

export const RunListParams = z.object({
  perPage: queryInteger(1, 1000).default(100).meta({ description: 'How many at most, newest first.' }),
  flowId: ResourceId.optional().meta({ description: 'Of one workflow only.' }),
  status: z.enum(['succeeded', 'failed']).optional(),
});
export const RunItem = z
  .looseObject({
    id: z.string(),
    flowId: ResourceId,
    status: z.enum(['succeeded', 'failed']),
    time: z.iso.datetime(),
    durationMs: z.number().optional(),
    attempt: z.int().optional(),
    triggerType: z.string().optional(),
    triggerId: z.string().optional(),
    error: z.object({ name: z.string(), message: z.string(), nodeId: z.string().optional(), nodeType: z.string().optional() }).optional(),
  })
  .meta({ id: 'Run', title: 'Run' });
export const RunList = z
  .object({ items: z.array(RunItem), count: z.int(), applicationId: ResourceId })
  .meta({ id: 'Runs', title: 'Recent runs' });
