import { z } from 'zod';
import { CredentialType } from './credential-types.ts';
import { IntegrationType } from './integration-types.ts';
import { ResourceId } from './ids.ts';

/**
 * The states that travel on the CONFIG stream: the *whole* new state of an aggregate after an event. Within a major version these schemas
 * only grow. A secret inside is always a `Sealed`.
 */

/** A sealed secret: `<key id>.<iv>.<tag>.<ciphertext>`, base64url each. Only `#lib/secrets` makes and opens one. */
export const Sealed = z.strictObject({ $sealed: z.string() });
export type Sealed = z.infer<typeof Sealed>;

/** Who made it and who changed it last, by their tokens or as users; absent: made before that was kept, or by the system. */
const author = z.enum(['apiToken', 'user', 'flow']).optional();
export const Authorship = {
  createdById: z.string().optional(),
  createdByType: author,
  lastUpdatedById: z.string().optional(),
  lastUpdatedByType: author,
};

const Timestamps = { creationDate: z.iso.datetime(), lastUpdated: z.iso.datetime() };

/** One application or workflow global: `json` is JSON text, sealed when its key is in `secretGlobals`. */
export const GlobalState = z.object({
  key: z.string(),
  json: z.union([z.string(), Sealed]),
  description: z.string().optional(),
  cloudOnly: z.boolean().optional(),
});
export type GlobalState = z.infer<typeof GlobalState>;

/** A plan: 0 = no limit. messagesPerSecond and burst per integration (messages); payloads per application and period. */
export const PlanLimits = z.object({
  messagesPerSecond: z.number().nonnegative().default(20),
  burst: z.number().int().nonnegative().default(20),
  payloads: z.number().int().nonnegative().default(0),
  period: z.enum(['hour', 'day', 'month']).default('month'),
});
export type PlanLimits = z.infer<typeof PlanLimits>;

export const ApplicationState = z.object({
  id: ResourceId,
  name: z.string(),
  description: z.string().optional(),
  globals: z.array(GlobalState),
  secretGlobals: z.array(z.string()),
  limits: PlanLimits,
  ...Timestamps,
});
export type ApplicationState = z.infer<typeof ApplicationState>;

export const IntegrationState = z.object({
  id: ResourceId,
  applicationId: ResourceId,
  name: z.string(),
  enabled: z.boolean(),
  integrationType: IntegrationType,
  credentialName: z.string().optional(),
  topics: z.array(z.string()),
  /** What stands on the wire as `<type>Config`, secrets sealed. */
  config: z.record(z.string(), z.unknown()),
  /** For MQTT: the client id assigned when none was given; kept for the life of the integration. */
  assignedClientId: z.string().optional(),
  ...Timestamps,
});
export type IntegrationState = z.infer<typeof IntegrationState>;

export const CredentialState = z.object({
  id: ResourceId,
  applicationId: ResourceId,
  name: z.string(),
  description: z.string().optional(),
  enabled: z.boolean(),
  type: CredentialType,
  /** What stands on the wire as `<type>Config`, its secret sealed; of `gcp` with `keyMetaJson` beside `keyJson`. */
  config: z.record(z.string(), z.unknown()),
  ...Timestamps,
});
export type CredentialState = z.infer<typeof CredentialState>;

export const TriggerState = z.looseObject({
  type: z.string(),
  key: z.string().optional(),
  config: z.record(z.string(), z.unknown()).optional(),
  meta: z.record(z.string(), z.unknown()).optional(),
  outputIds: z.array(z.array(z.string())).optional(),
});
export type TriggerState = z.infer<typeof TriggerState>;

export const NodeState = z.looseObject({
  id: z.string(),
  type: z.string(),
  config: z.record(z.string(), z.unknown()).optional(),
  meta: z.record(z.string(), z.unknown()).optional(),
  outputIds: z.array(z.array(z.string())).optional(),
});
export type NodeState = z.infer<typeof NodeState>;

/** A version of a workflow: what its lists were when it was made. They don't change. */
export const FlowVersionState = z.object({
  id: ResourceId,
  applicationId: ResourceId,
  flowId: ResourceId,
  /** The workflow's. */
  flowClass: z.string(),
  /** Its name. */
  version: z.string(),
  notes: z.string().optional(),
  enabled: z.boolean(),
  triggers: z.array(TriggerState),
  nodes: z.array(NodeState),
  globals: z.array(GlobalState),
  minimumAgentVersion: z.string().optional(),
  customNodeConfig: z.record(z.string(), z.unknown()).optional(),
  ...Authorship,
  ...Timestamps,
});
export type FlowVersionState = z.infer<typeof FlowVersionState>;

export const WorkflowState = z.object({
  id: ResourceId,
  applicationId: ResourceId,
  name: z.string(),
  enabled: z.boolean(),
  flowClass: z.string(),
  triggers: z.array(TriggerState),
  nodes: z.array(NodeState),
  globals: z.array(GlobalState),
  topicFilters: z.record(z.string(), z.array(z.string())).optional(),
  /** The version that runs in place of the workflow's own lists, whole. */
  defaultVersion: FlowVersionState.pick({ id: true, version: true, enabled: true, triggers: true, nodes: true, globals: true }).optional(),
  /** Everything else as it was sent: description, iconData, docsUrl, category, … */
  extra: z.record(z.string(), z.unknown()),
  ...Authorship,
  ...Timestamps,
});
export type WorkflowState = z.infer<typeof WorkflowState>;

export const TokenState = z.object({
  id: ResourceId,
  /** `-` for an instance token. */
  applicationId: z.union([ResourceId, z.literal('-')]),
  name: z.string(),
  description: z.string().optional(),
  scope: z.array(z.string()),
  status: z.enum(['active', 'inactive']),
  /** SHA-256 of the token, hexadecimal. */
  tokenHash: z.string(),
  expirationDate: z.iso.datetime().optional(),
  creatorId: z.string(),
  creatorType: z.enum(['apiToken', 'user', 'flow']),
  ...Timestamps,
});
export type TokenState = z.infer<typeof TokenState>;

export interface ConfigStates {
  application: ApplicationState;
  integration: IntegrationState;
  credential: CredentialState;
  workflow: WorkflowState;
  flowVersion: FlowVersionState;
  token: TokenState;
}
/** Kinds whose states exist. */
export type LiveKind = keyof ConfigStates;

/** A workflow as it runs: by the lists of its default version where it has one. */
export function effective(workflow: WorkflowState): WorkflowState {
  const { defaultVersion } = workflow;
  if (defaultVersion === undefined) return workflow;
  const { enabled, triggers, nodes, globals } = defaultVersion;
  return { ...workflow, enabled: workflow.enabled && enabled, triggers, nodes, globals };
}
