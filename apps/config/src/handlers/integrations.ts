import {
  type Command,
  IntegrationDeleteParams,
  IntegrationListParams,
  type IntegrationState,
  type Query as Ask,
  type Reply,
} from '#lib/contracts';
import { integration, notFound } from '#lib/domain';
import type { Query } from '#lib/event-sourcing';
import type { ConfigContext } from './context.ts';
import { execute, type Removal, remove } from './execute.ts';
import { creationOf, parsePatch, updateOf } from './integration-commands.ts';
import { parseParams } from './input.ts';
import { get, list, requireApplication } from './lists.ts';
import { withVersions } from './workflows.ts';

const kind = 'integration';

export async function createIntegration(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId } = command;
  await requireApplication(context, applicationId);
  const creation = await creationOf(context, applicationId, command.input);
  return await execute(context, {
    subject,
    command,
    kind,
    id: creation.state.id,
    creates: true,
    requires: [{ kind: 'application', id: applicationId }],
    decide: () => integration.decide(creation, null),
  });
}

export async function updateIntegration(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const patch = parsePatch(command.input);
  return await execute(context, {
    subject,
    command,
    kind,
    decide: async (state) => {
      if (state === null) throw notFound('the integration');
      return integration.decide(await updateOf(context, state, patch), state);
    },
  });
}

/** The state that a creation, or a change of what is stored, would lead to; nothing is stored. For a test of it: secrets are sealed. */
export async function draftIntegration(context: ConfigContext, _subject: string, command: Command): Promise<Reply> {
  const { applicationId, id, input } = command;
  await requireApplication(context, applicationId);
  if (id === undefined) {
    const [created] = integration.decide(await creationOf(context, applicationId, input), null);
    return { ok: true, result: created?.state };
  }
  const last = await context.store.last({ kind, id });
  const state = last?.applicationId === applicationId ? (last.state as IntegrationState | null) : null;
  if (state === null) throw notFound('the integration');
  if (input === null) return { ok: true, result: state };
  const [changed] = integration.decide(await updateOf(context, state, parsePatch(input)), state);
  return { ok: true, result: changed?.state ?? state };
}

/** The integration, and with `includeWorkflows` every workflow that has a trigger of it, even one with other triggers. */
async function removalsOf(query: Query, applicationId: string, id: string, includeWorkflows: boolean): Promise<Removal[]> {
  const found: { version: number; subtype: string }[] = await query.query(
    "select version, fields ->> 'integrationType' as subtype from read_models where kind = $1 and id = $2 and application_id = $3",
    [kind, id, applicationId],
  );
  if (found[0] === undefined) throw notFound('the integration');
  const workflows: { id: string; version: number }[] = includeWorkflows
    ? await query.query(
        "select id, version from read_models where kind = 'workflow' and application_id = $1 and fields -> 'triggers' @> $2 order by id",
        [applicationId, JSON.stringify([{ type: 'integration', key: id }])],
      )
    : [];
  return [{ kind, id, ...found[0] }, ...(await withVersions(query, workflows))];
}

export async function deleteIntegration(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id = '' } = command;
  const { includeWorkflows } = parseParams(IntegrationDeleteParams, command.params);
  return await remove(context, { subject, command, kind }, (query) => removalsOf(query, applicationId, id, includeWorkflows));
}

export const getIntegration = (context: ConfigContext, ask: Ask): Promise<Reply> => get(context, kind, ask);

export async function listIntegrations(context: ConfigContext, { applicationId, params }: Ask): Promise<Reply> {
  await requireApplication(context, applicationId);
  return await list(context, kind, applicationId, parseParams(IntegrationListParams, params), { applicationId });
}
