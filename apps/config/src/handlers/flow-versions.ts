import {
  type Command,
  FlowVersionListParams,
  FlowVersionPatch,
  FlowVersionPost,
  type FlowVersionState,
  type Query as Ask,
  type Reply,
  type WorkflowState,
} from '#lib/contracts';
import { asDefault, flowVersion, notFound } from '#lib/domain';
import { EventStoreError, findModel, type NewEvent, type Query, schemaVersionOf } from '#lib/event-sourcing';
import { upcasters } from '../projection.ts';
import type { ConfigContext } from './context.ts';
import { execute, remove } from './execute.ts';
import { failure, invalid } from './failure.ts';
import { parseInput, parseParams } from './input.ts';
import { list } from './lists.ts';
import { toWire } from './wire.ts';
import { workflowIssues } from './workflow-issues.ts';

const kind = 'flowVersion';
/** Versions that one workflow may have. */
const MAX_VERSIONS = 1_000;

export async function createFlowVersion(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, parentId: flowId = '' } = command;
  const { flowClass } = await requireWorkflow(context, applicationId, flowId);
  const input = parseInput(FlowVersionPost, command.input);
  const id = context.newId();
  const now = context.now();
  const creation = {
    name: 'create',
    id,
    applicationId,
    flowId,
    flowClass,
    input,
    now: new Date(now).toISOString(),
    newId: () => context.newId(),
  } as const;
  return await execute(context, {
    subject,
    command,
    kind,
    id,
    creates: true,
    requires: [{ kind: 'workflow', id: flowId }],
    decide: () => {
      const events = flowVersion.decide(creation, null);
      const issues = events.flatMap(({ state }) => (state === null ? [] : workflowIssues(state, new Date(now))));
      if (issues.length > 0) throw invalid(issues);
      return events;
    },
    alongside: (query) => requireRoom(query, flowId, id, input.version),
  });
}

/** While nobody else can append: that the name is free, and that the workflow may have one more. */
async function requireRoom(query: Query, flowId: string, id: string, version: string): Promise<void> {
  const rows: { version: string }[] = await query.query(
    "select fields ->> 'version' as version from read_models where kind = $1 and fields ->> 'flowId' = $2 and id <> $3",
    [kind, flowId, id],
  );
  if (rows.some((row) => row.version === version))
    throw invalid([{ path: ['version'], message: 'is the name of another version of this workflow' }]);
  if (rows.length >= MAX_VERSIONS) throw failure('Conflict', `the workflow has ${MAX_VERSIONS} versions already: delete one first`);
}

/** Changes of the default version reach the workflow that runs by it in the same transaction. */
export async function updateFlowVersion(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id = '', parentId: flowId = '' } = command;
  await requireWorkflow(context, applicationId, flowId);
  const input = parseInput(FlowVersionPatch, command.input);
  const now = new Date(context.now()).toISOString();
  /** Whether the workflow ran by it when that was looked up for a change. */
  let pinned: boolean | undefined;
  return await execute(context, {
    subject,
    command,
    kind,
    decide: (state) => {
      pinned = undefined;
      if (state?.flowId !== flowId) throw notFound('the version');
      return flowVersion.decide({ name: 'update', now, input }, state);
    },
    beside: async (state) => {
      const last = await context.store.last({ kind: 'workflow', id: flowId });
      const workflow = last?.state as WorkflowState | null | undefined;
      pinned = workflow?.defaultVersion?.id === id;
      if (last === undefined || workflow?.defaultVersion?.id !== id) return [];
      return [changeOf(last.version, { ...workflow, defaultVersion: asDefault(state), lastUpdated: now })];
    },
    alongside: async (query) => {
      if (pinned !== undefined && pinned !== (await isDefault(query, flowId, id)))
        throw new EventStoreError('conflict', 'the workflow has changed its default meanwhile');
    },
  });
}

async function isDefault(query: Query, flowId: string, id: string): Promise<boolean> {
  const rows: unknown[] = await query.query(
    "select 1 from read_models where kind = 'workflow' and id = $1 and fields ->> 'defaultVersionId' = $2",
    [flowId, id],
  );
  return rows.length > 0;
}

const changeOf = (expectedVersion: number, state: WorkflowState): NewEvent => ({
  kind: 'workflow',
  streamId: state.id,
  applicationId: state.applicationId,
  subtype: '-',
  expectedVersion,
  type: 'WorkflowUpdated',
  schemaVersion: schemaVersionOf(upcasters, 'WorkflowUpdated'),
  state,
});

export async function deleteFlowVersion(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id = '', parentId: flowId = '' } = command;
  return await remove(context, { subject, command, kind }, async (query) => {
    const [one]: { version: number }[] = await query.query(
      "select version from read_models where kind = 'flowVersion' and id = $1 and fields ->> 'flowId' = $2 and application_id = $3",
      [id, flowId, applicationId],
    );
    if (one === undefined) throw notFound('the version');
    if (await isDefault(query, flowId, id))
      throw failure('Conflict', 'It is the default version of its workflow: choose another default first.');
    return [{ kind, id, version: one.version, subtype: '-' }];
  });
}

export async function getFlowVersion(context: ConfigContext, { applicationId, id = '', parentId }: Ask): Promise<Reply> {
  const model = await findModel(context.database, { kind, id });
  const state = model?.state as FlowVersionState | undefined;
  if (model === undefined || state?.applicationId !== applicationId || state.flowId !== parentId) throw notFound('the version');
  return { ok: true, result: toWire(kind, state, model.version), position: model.position };
}

export async function listFlowVersions(context: ConfigContext, { applicationId, parentId: flowId = '', params }: Ask): Promise<Reply> {
  await requireWorkflow(context, applicationId, flowId);
  const asked = parseParams(FlowVersionListParams, params);
  return await list(context, kind, applicationId, asked, { applicationId, flowId }, ({ fields }) => fields['flowId'] === flowId);
}

async function requireWorkflow(context: ConfigContext, applicationId: string, id: string): Promise<WorkflowState> {
  const model = await findModel(context.database, { kind: 'workflow', id });
  if (model?.applicationId !== applicationId) throw notFound('the workflow');
  return model.state as WorkflowState;
}
