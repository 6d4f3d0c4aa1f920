import { z } from 'zod';
import { ResourceId } from '../ids.ts';
import { CreationDate, GlobalKey, JsonText, LastUpdated, Name, listFields, listParams, queryInteger, unique } from './common.ts';

const Description = z.string().max(1024).meta({ title: 'Description', description: 'At most 1,024 characters.' });

/** A global of an application, as it stands on the wire. */
export const Global = z
  .strictObject({
    key: GlobalKey,
    json: JsonText,
    description: Description.optional(),
    cloudOnly: z
      .boolean()
      .optional()
      .meta({ title: 'Cloud only', description: 'Kept for clients that send it; every workflow here runs in the cloud.' }),
  })
  .meta({ id: 'Global', title: 'Global' });

const uniqueKeys = unique<{ key: string }>((global) => global.key, 'repeats the key of an earlier entry');
const Globals = z.array(Global).max(100).superRefine(uniqueKeys).meta({ title: 'Globals', description: 'At most 100, each key once.' });

/** How a secret global reads back: JSON text of a mask. Sent back, it keeps what is stored. */
export const GLOBAL_MASK = '"********"';

/** Body of PATCH …/globals: entries are merged by key. `json: null` removes the global; `json` absent keeps its value. The text `"null"` stores JSON's null. */
export const GlobalsPatch = z
  .array(
    z.strictObject({
      key: GlobalKey,
      json: JsonText.nullable()
        .optional()
        .meta({ title: 'JSON', description: 'A value as JSON text; null removes the global; absent keeps its value.' }),
      description: Description.optional(),
      cloudOnly: z.boolean().optional(),
    }),
  )
  .max(100)
  .superRefine(uniqueKeys)
  .meta({ id: 'GlobalsPatch', title: 'Globals to set or remove' });
export type GlobalsPatch = z.infer<typeof GlobalsPatch>;

const SecretGlobals = z
  .array(GlobalKey)
  .max(100)
  .superRefine(unique<string>((key) => key, 'repeats an earlier entry'))
  .meta({
    title: 'Secret globals',
    description: 'Keys of globals whose values are sealed: usable in connection fields, absent from runs, masked in answers.',
  });

const period = z.enum(['hour', 'day', 'month']);
/** The plan: 0 = no limit. Only an instance's token may set it. */
export const Limits = z
  .strictObject({
    messagesPerSecond: z
      .number()
      .min(0)
      .max(1_000_000)
      .optional()
      .meta({ description: 'Messages per second and integration; 0 = no limit. Default 20.' }),
    burst: z.int().min(0).max(1_000_000).optional().meta({ description: 'Messages an integration may take at once. Default 20.' }),
    payloads: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: 'Messages per period and application; 0 = no limit.' }),
    period: period.optional().meta({ description: 'Period of `payloads`, in UTC. Default month.' }),
  })
  .meta({ id: 'Limits', title: 'Limits' });

export const ApplicationPost = z
  .strictObject({
    name: Name,
    description: Description.optional(),
    globals: Globals.optional(),
    secretGlobals: SecretGlobals.optional(),
    limits: Limits.optional(),
  })
  .meta({ id: 'ApplicationPost', title: 'New application' });
export type ApplicationPost = z.infer<typeof ApplicationPost>;

export const ApplicationPatch = ApplicationPost.partial().meta({ id: 'ApplicationPatch', title: 'Changes of an application' });
export type ApplicationPatch = z.infer<typeof ApplicationPatch>;

export const ApplicationResponse = z
  .object({
    id: ResourceId,
    applicationId: ResourceId,
    creationDate: CreationDate,
    lastUpdated: LastUpdated,
    name: Name,
    description: Description.optional(),
    globals: z.array(Global),
    secretGlobals: z.array(GlobalKey),
    limits: z.object({ messagesPerSecond: z.number(), burst: z.int(), payloads: z.int(), period }),
  })
  .meta({ id: 'Application', title: 'Application', description: 'A tenant: everything else belongs to one.' });

export const ApplicationListParams = listParams(['name', 'id', 'creationDate', 'ownerId', 'lastUpdated'], ['name']);
export const ApplicationList = z
  .object({ items: z.array(ApplicationResponse), ...listFields })
  .meta({ id: 'Applications', title: 'Applications' });

/** The last instant a Date can hold. */
const epochMs = queryInteger(0, 8_640_000_000_000_000);
export const PayloadCountsParams = z.object({
  start: epochMs.optional().meta({ description: 'From, epoch ms; default the start of the month in UTC.' }),
  end: epochMs.optional().meta({ description: 'To, epoch ms; default now.' }),
});
export const PayloadCounts = z
  .record(z.string(), z.record(z.string(), z.number()))
  .meta({ id: 'PayloadCounts', title: 'Payload counts', description: 'Counts by source: {integration: {<integrationType>: count}}.' });
