import { z } from 'zod';
import { IntegrationType } from '../integration-types.ts';

/** Triggers are closed at every level for the types we run; any other type is stored as sent and never fires. */

const outputId = z.string().min(1).max(48);
export const OutputIds = z
  .array(z.array(outputId).max(100))
  .max(100)
  .meta({ title: 'Outputs', description: 'One list of node ids for each output; every node of a list runs.' });

const key = z
  .string()
  .max(1024)
  .meta({ title: 'Key', description: 'Of an integration trigger the integration id; otherwise made by the server when absent.' });

const baseMeta = {
  category: z.literal('trigger').optional(),
  label: z.string().min(1).max(255).optional(),
  x: z.number().optional(),
  y: z.number().optional(),
  uiId: z.string().max(48).optional(),
  description: z.string().max(32_767).optional(),
  icon: z.string().max(1024).optional(),
  color: z.string().max(1024).optional(),
  inputCount: z.number().optional(),
  outputCount: z.number().optional(),
  triggerId: z.string().max(48).optional(),
  id: z.string().max(48).optional(),
};

/** A closed trigger of one type. */
const trigger = <T extends string, C extends z.ZodRawShape, M extends z.ZodRawShape>(
  type: T,
  config: z.ZodObject<C>,
  meta: M,
  title: string,
) =>
  z
    .strictObject({
      type: z.literal(type),
      key: key.optional(),
      config: config.optional(),
      meta: z.strictObject({ ...baseMeta, ...meta }).optional(),
      outputIds: OutputIds.optional(),
    })
    .meta({ title });

const flag = (description: string) => z.boolean().optional().meta({ description });

export const IntegrationTrigger = trigger(
  'integration',
  z.strictObject({
    message: flag('Start on a message; absent means true.'),
    connect: flag('Start when the integration connects.'),
    disconnect: flag('Start when the connection ends.'),
    failure: flag('Start when connecting fails.'),
  }),
  { name: IntegrationType.optional() },
  'Integration trigger',
);

export const VirtualButtonTrigger = trigger(
  'virtualButton',
  z.strictObject({}),
  {
    name: z.literal('virtualButton').optional(),
    groupId: z.string().max(48).optional(),
    payload: z.string().max(262_144).optional(),
    deviceId: z.union([z.string().regex(/^([0-9a-fA-F]{24})?$/, 'must be an id'), z.null()]).optional(),
  },
  'Virtual button',
);

export const FlowErrorTrigger = trigger(
  'flowError',
  z.strictObject({ scope: z.enum(['local', 'cloud', 'experience', 'global']).optional() }),
  { name: z.literal('flowError').optional() },
  'Workflow error',
);

export const TimerTrigger = trigger(
  'timer',
  z.strictObject({
    seconds: z
      .number()
      .positive()
      .max(31_536_000)
      .optional()
      .meta({ description: '1 second to 1 year; fractions are fine. Less than 1 only in classes of workflows that run on devices.' }),
    cron: z
      .string()
      .max(255)
      .optional()
      .meta({ description: '5 fields, or 6 with seconds first, or @yearly, @monthly, @weekly, @daily, @hourly; no L, W, # or ?.' }),
    tz: z.string().max(255).optional().meta({ description: 'IANA time zone, default UTC.' }),
  }),
  {
    name: z.literal('timer').optional(),
    timerTypeSelect: z.enum(['seconds', 'cronWeekly', 'cron']).optional(),
    timeAt: z.string().max(255).optional(),
    timezone: z.string().max(255).optional(),
    weekdays: z.array(z.number()).max(7).optional(),
  },
  'Timer',
);

const RUN_TYPES: ReadonlySet<string> = new Set(['integration', 'virtualButton', 'flowError', 'timer']);

/** Stored and shown, never fired here. */
export const OtherTrigger = z
  .strictObject({
    type: z
      .string()
      .min(1)
      .max(1024)
      .refine((type) => !RUN_TYPES.has(type), { abort: true }),
    key: key.optional(),
    config: z.record(z.string(), z.unknown()).optional(),
    meta: z.record(z.string(), z.unknown()).optional(),
    outputIds: OutputIds.optional(),
  })
  .meta({ title: 'Another trigger', description: 'Stored as sent; does not fire here.' });

const known = z.discriminatedUnion('type', [IntegrationTrigger, VirtualButtonTrigger, FlowErrorTrigger, TimerTrigger]);

/** The closed schema of the trigger's own type. */
export const Trigger = z.union([known, OtherTrigger]).meta({ id: 'Trigger', title: 'Trigger' });
export type Trigger = z.infer<typeof Trigger>;
