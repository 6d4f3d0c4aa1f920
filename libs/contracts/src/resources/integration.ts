import { z } from 'zod';
import { CheckLine, ConnectionState } from '../bus.ts';
import { ResourceId } from '../ids.ts';
import { IntegrationType, configFieldOf } from '../integration-types.ts';
import { CreationDate, LastUpdated, Name, listOf, listParams, queryBoolean, unique } from './common.ts';

/** The envelope of an integration. What stands in `<type>Config` is checked with the type's definition. */

const topics = z
  .array(z.string().min(1).max(1024))
  .max(1000)
  .superRefine(unique<string>((topic) => topic, 'repeats an earlier entry'))
  .meta({ title: 'Topics', description: 'What to subscribe to, each once; its meaning depends on the type. SQS and WebSocket have none.' });

const enabled = z.boolean().meta({ title: 'Enabled', description: 'A disabled integration has no connection and starts nothing.' });
const credentialName = Name.meta({
  title: 'Credential name',
  description: 'Name of a service credential of this application, instead of inline secrets.',
});

const rawConfig = z.record(z.string(), z.unknown());
const configFields = Object.fromEntries(
  IntegrationType.options.map((type) => [
    configFieldOf(type),
    rawConfig.optional().meta({ title: configFieldOf(type), description: `Only where integrationType is ${type}.` }),
  ]),
) as Record<ReturnType<typeof configFieldOf>, z.ZodOptional<typeof rawConfig>>;

/** Refuses the configuration of another type; PATCH learns the type from what is stored. */
export function foreignConfigs(body: Record<string, unknown>, type: IntegrationType): string[] {
  return IntegrationType.options.filter((other) => other !== type && body[configFieldOf(other)] !== undefined).map(configFieldOf);
}

export const IntegrationPost = z
  .strictObject({
    name: Name,
    integrationType: IntegrationType.meta({ title: 'Type', description: 'Cannot be changed later.' }),
    enabled: enabled.default(true),
    credentialName: credentialName.optional(),
    topics: topics.default([]),
    ...configFields,
  })
  .superRefine((body, context) => {
    for (const field of foreignConfigs(body, body.integrationType))
      context.addIssue({ code: 'custom', path: [field], message: `does not belong to the type ${body.integrationType}` });
  })
  .meta({ id: 'IntegrationPost', title: 'New integration' });
export type IntegrationPost = z.infer<typeof IntegrationPost>;

/** `integrationType` cannot be sent; `credentialName: null` clears it; a `<type>Config` replaces the stored one, secrets kept as the API describes. */
export const IntegrationPatch = z
  .strictObject({
    name: Name.optional(),
    enabled: enabled.optional(),
    credentialName: credentialName.nullable().optional(),
    topics: topics.optional(),
    ...configFields,
  })
  .meta({ id: 'IntegrationPatch', title: 'Changes of an integration' });
export type IntegrationPatch = z.infer<typeof IntegrationPatch>;

export const IntegrationDeleteParams = z.object({
  includeWorkflows: queryBoolean
    .default(false)
    .meta({ description: 'Also delete every workflow with a trigger of this integration, even one with other triggers.' }),
});

const ms = z.number().meta({ description: 'Epoch ms.' });
export const IntegrationStatus = z
  .object({
    lastKeepAlive: ms.optional(),
    nextAttempt: ms.optional(),
    connectInfo: z.object({ ts: ms.nullable() }).optional(),
    disconnectInfo: z.object({ ts: ms.nullable(), error: z.string().optional() }).optional(),
    state: ConnectionState.optional().meta({ description: 'The observed state; unknown when the connector that held it is gone.' }),
    since: ms.optional(),
    reason: z.string().optional().meta({ description: 'Why, and what to change.' }),
    evidence: z.object({ kind: z.string(), at: z.number() }).optional().meta({ description: 'The last proof of life, and when.' }),
    appliedVersion: z.number().optional().meta({ description: 'Version of the configuration that the connection runs with.' }),
  })
  .meta({ id: 'IntegrationStatus', title: 'Status' });
export type IntegrationStatus = z.infer<typeof IntegrationStatus>;

export const IntegrationResponse = z
  .object({
    id: ResourceId,
    integrationId: ResourceId,
    applicationId: ResourceId,
    creationDate: CreationDate,
    lastUpdated: LastUpdated,
    name: Name,
    enabled,
    integrationType: IntegrationType,
    credentialName: credentialName.optional(),
    topics,
    ...configFields,
    status: IntegrationStatus.optional(),
    version: z.int().optional().meta({ description: 'Version of this configuration.' }),
    delivery: z
      .enum(['at-least-once', 'at-most-once'])
      .optional()
      .meta({ description: 'What this configuration promises about messages that are in flight when a link breaks.' }),
  })
  .meta({ id: 'Integration', title: 'Integration', description: 'A configured connection to an outside message system.' });

export const IntegrationTested = z
  .object({
    ok: z.boolean().meta({ description: 'Whether every step succeeded.' }),
    steps: z.array(CheckLine).meta({
      description:
        'What was tried, in order: resolve (templates, globals, the credential), address (whether it may be reached), dial, tls, authenticate, authorise (a line for each topic or permission that can be asked for). `change` says what to change where a step failed; what comes after it was not tried.',
    }),
  })
  .meta({ id: 'IntegrationTested', title: 'Outcome of a test' });

export const IntegrationListParams = listParams(
  ['name', 'id', 'creationDate', 'integrationType', 'lastUpdated'],
  ['name', 'integrationType'],
);
export const IntegrationList = listOf(IntegrationResponse).meta({ id: 'Integrations', title: 'Integrations' });
