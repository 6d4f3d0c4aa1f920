import {
  type Command,
  FlowListParams,
  FlowPatch,
  FlowPost,
  type IntegrationType,
  type Query as Ask,
  type Reply,
  triggerFilterMatches,
} from '#lib/contracts';
import { workflow, type WorkflowEvent } from '#lib/domain';
import type { ListEntry } from '#lib/event-sourcing';
import type { ConfigContext } from './context.ts';
import { execute } from './execute.ts';
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
    applicationId,
    creates: true,
    requires: [{ kind: 'application', id: applicationId }],
    decide: () => checked(workflow.decide({ name: 'create', id, applicationId, now, input, newId: newNodeId(context) }, null), input, now),
  });
}

export async function updateWorkflow(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id = '' } = command;
  const input = parseInput(FlowPatch, command.input);
  await checkTopicFilters(context, applicationId, input.topicFilters);
  return await execute(context, {
    subject,
    command,
    kind,
    id,
    applicationId,
    decide: (state) => {
      const now = new Date(context.now()).toISOString();
      return checked(workflow.decide({ name: 'update', now, input, newId: newNodeId(context) }, state), input, now);
    },
  });
}

export async function deleteWorkflow(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id = '' } = command;
  return await execute(context, {
    subject,
    command,
    kind,
    id,
    applicationId,
    decide: (state) => workflow.decide({ name: 'delete' }, state),
  });
}

export const getWorkflow = (context: ConfigContext, ask: Ask): Promise<Reply> => get(context, kind, ask);

export async function listWorkflows(context: ConfigContext, { applicationId, params }: Ask): Promise<Reply> {
  await requireApplication(context, applicationId);
  const asked = parseParams(FlowListParams, params);
  const { flowClass, triggerFilter } = asked;
  const matches = ({ fields }: ListEntry): boolean =>
    (flowClass === undefined || fields['flowClass'] === flowClass) &&
    (triggerFilter === undefined || triggerFilterMatches(triggerFilter, fields['triggers'] as { type: string; key?: string }[]));
  const owner = { applicationId, ...(flowClass === undefined ? {} : { flowClass }) };
  return await list(context, kind, applicationId, asked, owner, matches);
}
