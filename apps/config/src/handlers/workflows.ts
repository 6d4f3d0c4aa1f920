import {
  type Command,
  FlowListParams,
  FlowPatch,
  FlowPost,
  type FlowVersionState,
  type IntegrationType,
  type Query as Ask,
  type Reply,
  triggerFilterMatches,
} from '#lib/contracts';
import { notFound, workflow, type WorkflowEvent } from '#lib/domain';
import { EventStoreError, type ListEntry, type Query } from '#lib/event-sourcing';
import type { ConfigContext } from './context.ts';
import { execute, type Removal, remove } from './execute.ts';
import { invalid } from './failure.ts';
import { parseInput, parseParams } from './input.ts';
import { get, list, requireApplication } from './lists.ts';
import { topicFilterIssues, workflowIssues } from './workflow-issues.ts';

const kind = 'workflow';

async function checkTopicFilters(context: ConfigContext, applicationId: string, filters: FlowPatch['topicFilters']): Promise<void> {
  const ids = Object.keys(filters ?? {});
  if (ids.length === 0) return;
  const rows: { id: string; type: IntegrationType }[] = await context.database.query(
    "select id, fields ->> 'integrationType' as type from read_models where kind = 'integration' and application_id = $1 and id = any($2)",
    [applicationId, ids],
  );
  const issues = topicFilterIssues(filters, new Map(rows.map(({ id, type }) => [id, type])));
  if (issues.length > 0) throw invalid(issues);
}

/** `sent`: the lists that are new. A stored template that a stricter parser refuses must not keep the rest of the workflow from being changed. */
function checked(events: readonly WorkflowEvent[], sent: FlowPost | FlowPatch, now: string): readonly WorkflowEvent[] {
  const issues = events.flatMap(({ state }) => {
    const { triggers, nodes } = state ?? {};
    const fresh = { ...(sent.triggers === undefined ? {} : { triggers }), ...(sent.nodes === undefined ? {} : { nodes }) };
    return workflowIssues(fresh, new Date(now));
  });
  if (issues.length > 0) throw invalid(issues);
  return events;
}

/** Short enough for an entry of `outputIds`, and as unlikely to be met twice as a resource's. */
const newNodeId = (context: ConfigContext) => (): string => context.newId();

export async function createWorkflow(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId } = command;
  await requireApplication(context, applicationId);
  const input = parseInput(FlowPost, command.input);
  await checkTopicFilters(context, applicationId, input.topicFilters);
  const id = context.newId();
  const now = new Date(context.now()).toISOString();
  return await execute(context, {
    subject,
    command,
    kind,
    id,
    creates: true,
    requires: [{ kind: 'application', id: applicationId }],
    decide: () => checked(workflow.decide({ name: 'create', id, applicationId, now, input, newId: newNodeId(context) }, null), input, now),
  });
}

export async function updateWorkflow(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId } = command;
  const input = parseInput(FlowPatch, command.input);
  await checkTopicFilters(context, applicationId, input.topicFilters);
  const defaultVersionId = input.defaultVersionId ?? undefined;
  let seen: number | undefined;
  return await execute(context, {
    subject,
    command,
    kind,
    requires: defaultVersionId === undefined ? [] : [{ kind: 'flowVersion', id: defaultVersionId }],
    alongside: (query) => requireUnchanged(query, defaultVersionId, seen),
    decide: async (state) => {
      const now = new Date(context.now()).toISOString();
      const last = defaultVersionId === undefined ? undefined : await context.store.last({ kind: 'flowVersion', id: defaultVersionId });
      const defaultVersion = (last?.state ?? undefined) as FlowVersionState | undefined;
      seen = last?.version;
      return checked(workflow.decide({ name: 'update', now, input, newId: newNodeId(context), defaultVersion }, state), input, now);
    },
  });
}

/** The workflow keeps a copy of its default version: one that has changed meanwhile is to be read again. */
async function requireUnchanged(query: Query, defaultVersionId: string | undefined, seen: number | undefined): Promise<void> {
  if (defaultVersionId === undefined) return;
  const rows: { version: number }[] = await query.query("select version from read_models where kind = 'flowVersion' and id = $1", [
    defaultVersionId,
  ]);
  if (rows[0]?.version !== seen) throw new EventStoreError('conflict', 'the version has changed meanwhile');
}

/** Workflows that go, each after its versions. */
export async function withVersions(
  query: Query,
  workflows: readonly { readonly id: string; readonly version: number }[],
): Promise<Removal[]> {
  const versions: { id: string; version: number }[] = await query.query(
    "select id, version from read_models where kind = 'flowVersion' and fields ->> 'flowId' = any($1) order by id",
    [workflows.map(({ id }) => id)],
  );
  return [
    ...versions.map((one): Removal => ({ kind: 'flowVersion', subtype: '-', ...one })),
    ...workflows.map((one): Removal => ({ kind: 'workflow', subtype: '-', ...one })),
  ];
}

export async function deleteWorkflow(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id = '' } = command;
  return await remove(context, { subject, command, kind }, async (query) => {
    const found: { id: string; version: number }[] = await query.query(
      'select id, version from read_models where kind = $1 and id = $2 and application_id = $3',
      [kind, id, applicationId],
    );
    if (found.length === 0) throw notFound('the workflow');
    return await withVersions(query, found);
  });
}

export const getWorkflow = (context: ConfigContext, ask: Ask): Promise<Reply> => get(context, kind, ask);

export async function listWorkflows(context: ConfigContext, { applicationId, params }: Ask): Promise<Reply> {
  await requireApplication(context, applicationId);
  const asked = parseParams(FlowListParams, params);
  const { flowClass, triggerFilter } = asked;
  const matches = ({ fields }: ListEntry): boolean =>
    fields['flowClass'] === flowClass &&
    (triggerFilter === undefined || triggerFilterMatches(triggerFilter, fields['triggers'] as { type: string; key?: string }[]));
  return await list(context, kind, applicationId, asked, { applicationId, flowClass }, matches);
}
