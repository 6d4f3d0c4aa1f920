import { definitionOf } from '#lib/connectors';
import {
  accessIssues,
  type FieldIssue,
  hasOwnAccess,
  type IntegrationType,
  issuesOf,
  type NodeState,
  type TriggerState,
  type WorkflowState,
} from '#lib/contracts';
import { scheduleIssue, scheduleOf } from '#lib/schedule';
import { expressionIssue, templateIssue } from '#lib/templating';

type Path = readonly (string | number)[];

/** Nodes whose fields we know; of any other type the configuration is stored as it was sent. */
const KNOWN: ReadonlySet<string> = new Set([
  'DebugNode',
  'ConditionalNode',
  'DelayNode',
  'MutateNode',
  'RawFunctionNode',
  'ThrowErrorNode',
  'MqttMessageNode',
  'SqsSendNode',
  'WebsocketMessageNode',
  'ParticleCallNode',
  'AzureEventHubPublishNode',
  'GooglePublishNode',
  'GetValueNode',
  'StoreValueNode',
  'ThrottleNode',
  'SwitchNode',
  'MathNode',
  'ValidatePayloadNode',
  'HttpNode',
]);

/** Template fields that are not called `…Template`. */
const ALSO_TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  DebugNode: ['message'],
  DelayNode: ['delay'],
  GetValueNode: ['keyName', 'defaultValue'],
  StoreValueNode: ['keyName', 'value'],
  MqttMessageNode: ['integrationId'],
  // Rows of attributes are {name, value} in older workflows.
  SqsSendNode: ['integrationId', 'queueUrl', 'name', 'value'],
  AzureEventHubPublishNode: ['integrationId', 'connectionString', 'hubName', 'name', 'value'],
  GooglePublishNode: ['integrationId', 'name', 'value'],
  WebsocketMessageNode: ['integrationId'],
  ParticleCallNode: ['integrationId', 'accessToken'],
};

function templateIssues(value: unknown, path: Path, isTemplate: (field: string) => boolean, issues: FieldIssue[]): void {
  if (Array.isArray(value)) return value.forEach((entry, index) => templateIssues(entry, [...path, index], isTemplate, issues));
  if (typeof value !== 'object' || value === null) return;
  for (const [field, entry] of Object.entries(value)) {
    const issue = typeof entry === 'string' && isTemplate(field) && entry.includes('{{') ? templateIssue(entry) : undefined;
    if (issue !== undefined) issues.push({ path: [...path, field], message: issue });
    templateIssues(entry, [...path, field], isTemplate, issues);
  }
}

/** What is an expression in a node's configuration, and where. */
function expressionsOf(type: string, config: Readonly<Record<string, unknown>>): (readonly [at: Path, expression: unknown])[] {
  if (type === 'ConditionalNode') return [[['expression'], config['expression']]];
  const { statements } = config;
  if (type !== 'MathNode' || !Array.isArray(statements)) return [];
  return statements.map((statement: unknown, index) => [
    ['statements', index, 'expression'],
    (statement as { expression?: unknown } | null)?.expression,
  ]);
}

function nodeIssues({ type, config }: NodeState, path: Path): FieldIssue[] {
  if (!KNOWN.has(type) || config === undefined) return [];
  const issues: FieldIssue[] = [];
  const also = ALSO_TEMPLATES[type] ?? [];
  templateIssues(config, [...path, 'config'], (field) => field.endsWith('Template') || also.includes(field), issues);
  for (const [at, expression] of expressionsOf(type, config)) {
    const issue = typeof expression === 'string' ? expressionIssue(expression) : undefined;
    if (issue !== undefined) issues.push({ path: [...path, 'config', ...at], message: issue });
  }
  // A node that says nothing of it yet may be saved, as one that lacks anything else.
  const access = hasOwnAccess(type) ? accessIssues(type, config).filter(({ path: [field] }) => field !== 'integrationId') : [];
  issues.push(...access.map((issue) => ({ ...issue, path: [...path, 'config', ...issue.path] })));
  if (type === 'ValidatePayloadNode' && !isSchemaText(config))
    issues.push({ path: [...path, 'config', 'schema'], message: 'must be JSON' });
  return issues;
}

/** What a schema says is for the runner to judge: it may take long. */
function isSchemaText({ schemaType = 'json', schema }: Readonly<Record<string, unknown>>): boolean {
  if (schemaType !== 'json' || typeof schema !== 'string') return true;
  try {
    JSON.parse(schema);
    return true;
  } catch {
    return false;
  }
}

/** Templates, expressions and schemas that do not parse, in the nodes we know, and timers that can't be kept; of the lists that are given. */
export const workflowIssues = (
  { nodes = [], triggers = [] }: Partial<Pick<WorkflowState, 'nodes' | 'triggers'>>,
  now: Date,
): FieldIssue[] => [
  ...triggers.flatMap((trigger, index) => timerIssues(trigger, ['triggers', index, 'config'], now)),
  ...nodes.flatMap((node, index) => nodeIssues(node, ['nodes', index])),
];

function timerIssues(trigger: TriggerState, path: Path, now: Date): FieldIssue[] {
  const schedule = trigger.type === 'timer' ? scheduleOf(trigger) : undefined;
  const issue = schedule === undefined ? undefined : scheduleIssue(schedule, now);
  return issue === undefined ? [] : [{ path: [...path, issue.field], message: issue.message }];
}

/** Topic filters that the integration's type does not take; `types`: of the integrations that exist. */
export function topicFilterIssues(
  filters: Readonly<Record<string, readonly string[]>> | null | undefined,
  types: ReadonlyMap<string, IntegrationType>,
): FieldIssue[] {
  return Object.entries(filters ?? {}).flatMap(([id, topics]) => {
    const type = types.get(id);
    if (type === undefined) return [];
    const { topic, capabilities, title } = definitionOf(type);
    if (!capabilities.topics) return [{ path: ['topicFilters', id], message: `can not be used: ${title} has no topics` }];
    return topics.flatMap((entry, index) => {
      const parsed = topic?.safeParse(entry);
      return parsed === undefined || parsed.success ? [] : issuesOf(parsed.error, ['topicFilters', id, index]);
    });
  });
}
