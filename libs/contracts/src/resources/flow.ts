import { z } from 'zod';
import { Authorship } from '../config-state.ts';
import { ResourceId } from '../ids.ts';
import { CreationDate, GlobalKey, JsonText, LastUpdated, Name, listOf, listParams, unique } from './common.ts';
import { OutputIds, Trigger } from './trigger.ts';

const text = (max: number) => z.string().max(max);

export const FlowClass = z.enum(['cloud', 'edge', 'embedded', 'experience', 'customNode']);

/** Only `type` is required; the server gives a node without id, or with a blank one, an id. `config` and `meta` are open: what a node needs is checked when it is known. */
export const FlowNode = z
  .strictObject({
    id: z.string().max(1024).optional(),
    type: z.string().min(1).max(1024),
    config: z.record(z.string(), z.unknown()).optional(),
    meta: z.record(z.string(), z.unknown()).optional(),
    outputIds: OutputIds.optional(),
  })
  .meta({ id: 'Node', title: 'Node' });

const FlowGlobals = z
  .array(z.strictObject({ key: GlobalKey, json: JsonText }))
  .max(100)
  .superRefine(unique<{ key: string }>((global) => global.key, 'repeats the key of an earlier entry'))
  .meta({ title: 'Globals', description: "At most 100; they win over the application's." });

/** Ours: which topics of an integration start this workflow. Absent for an integration: all of them. */
export const TopicFilters = z
  .record(ResourceId, z.array(z.string().min(1).max(1024)).min(1).max(100))
  .refine((filters) => Object.keys(filters).length <= 100, 'must name at most 100 integrations')
  .meta({
    title: 'Topic filters',
    description: 'By integration id: the topic filters whose messages start this workflow; an integration not named: all.',
  });

/** What a custom node asks for and gives. Kept for those who edit it: custom nodes don't run here. */
const CustomNodeConfig = z
  .strictObject({
    outputCount: z.union([z.literal(1), z.literal(2)]),
    resultMode: z.enum(['optional', 'required', 'none']),
    resultDescription: text(32_767).optional(),
    fields: z.array(z.record(z.string(), z.unknown())).max(100),
  })
  .meta({ title: 'Custom node', description: 'Of a workflow of the class customNode: kept as it was sent.' });

const fields = {
  description: text(32_767).optional(),
  shortDescription: text(1024).optional(),
  iconData: text(32_767)
    .regex(/^data:image\/(jpg|jpeg|png|svg\+xml);base64,[0-9a-zA-Z+/=]*$/, 'must be a data: URL of a jpg, png or svg image in base64')
    .nullable()
    .optional(),
  docsUrl: text(1024).optional(),
  category: z.enum(['data', 'experience', 'logic', 'output', 'debug', '']).optional(),
  enabled: z.boolean().optional().meta({ description: 'A disabled workflow starts on nothing. Default true.' }),
  triggers: z.array(Trigger).max(1000).optional(),
  nodes: z.array(FlowNode).max(5000).optional(),
  globals: FlowGlobals.optional(),
  minimumAgentVersion: z
    .string()
    .regex(/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/, 'must be a version as 1.2.3')
    .optional(),
  customNodeConfig: CustomNodeConfig.optional(),
  topicFilters: TopicFilters.optional(),
};
const customNodeSupports = z
  .array(z.enum(['cloud', 'edge']))
  .max(1)
  .optional();

export const FlowPost = z
  .strictObject({ name: Name, ...fields, flowClass: FlowClass.optional(), customNodeSupports })
  .meta({ id: 'FlowPost', title: 'New workflow' });
export type FlowPost = z.infer<typeof FlowPost>;

/** Each list replaces the stored one whole; `flowClass` cannot be sent. */
export const FlowPatch = z
  .strictObject({
    name: Name.optional(),
    ...fields,
    topicFilters: TopicFilters.nullable().optional(),
    defaultVersionId: ResourceId.nullable().optional(),
  })
  .meta({ id: 'FlowPatch', title: 'Changes of a workflow' });
export type FlowPatch = z.infer<typeof FlowPatch>;

export const FlowResponse = z
  .object({
    id: ResourceId,
    flowId: ResourceId,
    applicationId: ResourceId,
    creationDate: CreationDate,
    lastUpdated: LastUpdated,
    ...Authorship,
    name: Name,
    ...fields,
    iconData: text(32_767).optional(),
    category: z.enum(['data', 'experience', 'logic', 'output', 'debug']).optional(),
    enabled: z.boolean(),
    flowClass: FlowClass,
    customNodeSupports,
    defaultVersionId: ResourceId.optional(),
    stats: z
      .object({
        runCount: z.number(),
        errorCount: z.number(),
        byVersion: z.record(z.string(), z.object({ runCount: z.number(), errorCount: z.number() })),
      })
      .partial()
      .optional(),
  })
  .meta({ id: 'Flow', title: 'Workflow' });

/** A list that is left out is empty: a version takes nothing from the workflow by itself. */
export const FlowVersionPost = z
  .strictObject({
    version: z.string().min(1).max(255).meta({ description: 'Its name, unique in the workflow.' }),
    notes: text(32_767).optional(),
    enabled: z.boolean().optional(),
    triggers: fields.triggers,
    nodes: fields.nodes,
    globals: fields.globals,
    minimumAgentVersion: fields.minimumAgentVersion,
    customNodeConfig: fields.customNodeConfig,
  })
  .meta({ id: 'FlowVersionPost', title: 'New version of a workflow' });
export type FlowVersionPost = z.infer<typeof FlowVersionPost>;

export const FlowVersionPatch = z
  .strictObject({ notes: text(32_767).optional(), enabled: z.boolean().optional() })
  .meta({ id: 'FlowVersionPatch', title: 'Changes of a version', description: 'What a version runs does not change: make another one.' });
export type FlowVersionPatch = z.infer<typeof FlowVersionPatch>;

export const FlowVersionResponse = z
  .object({
    id: ResourceId,
    flowVersionId: ResourceId,
    flowId: ResourceId,
    flowClass: FlowClass,
    applicationId: ResourceId,
    creationDate: CreationDate,
    lastUpdated: LastUpdated,
    ...Authorship,
    ...FlowVersionPost.shape,
    enabled: z.boolean(),
  })
  .meta({ id: 'FlowVersion', title: 'Version of a workflow' });

/** Ignored it would mean that everything is found. */
const query = z
  .string()
  .refine(() => false, 'can not be used: filterField and filter say what is listed, of workflows flowClass and triggerFilter too')
  .optional()
  .meta({ description: "Refused: existing clients' queries are not answered." });

export const FlowVersionListParams = listParams(['version', 'id', 'creationDate', 'lastUpdated'], ['version']).extend({ query });
export const FlowVersionList = listOf(FlowVersionResponse)
  .extend({ flowId: ResourceId.optional() })
  .meta({ id: 'FlowVersions', title: 'Versions of a workflow' });

/** Entries of `triggerFilter`: a flow is listed when one of its triggers agrees with one entry in all that the entry names. */
export const TriggerFilter = z
  .array(z.strictObject({ type: z.string().max(1024).optional(), key: z.string().max(1024).optional() }))
  .max(100)
  .meta({ description: 'As JSON, or as triggerFilter[0][type]=…&triggerFilter[0][key]=…' });
export type TriggerFilter = z.infer<typeof TriggerFilter>;

export const triggerFilterMatches = (filter: TriggerFilter, triggers: readonly { type: string; key?: string | undefined }[]): boolean =>
  filter.length === 0 ||
  triggers.some((trigger) =>
    filter.some(({ type, key }) => (type === undefined || type === trigger.type) && (key === undefined || key === trigger.key)),
  );

export const FlowListParams = listParams(['name', 'id', 'creationDate', 'lastUpdated'], ['name']).extend({
  flowClass: FlowClass.default('cloud').meta({ description: 'Workflows of this class only; default cloud.' }),
  triggerFilter: TriggerFilter.optional(),
  query,
});
export const FlowList = listOf(FlowResponse).extend({ flowClass: FlowClass.optional() }).meta({ id: 'Flows', title: 'Workflows' });

export const VirtualButtonPress = z
  .strictObject({
    key: z.string().min(1).max(1024).meta({ description: "The trigger's key." }),
    payload: z.unknown().optional().meta({ description: "Becomes the run's data; any JSON value." }),
    meta: z.unknown().optional(),
    flowVersion: z.string().min(1).max(255).optional(),
    deviceId: ResourceId.optional(),
    deploymentId: ResourceId.optional(),
  })
  .meta({ id: 'VirtualButtonPress', title: 'Press of a virtual button' });
export type VirtualButtonPress = z.infer<typeof VirtualButtonPress>;
