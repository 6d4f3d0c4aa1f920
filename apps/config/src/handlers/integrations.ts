import type { Definition } from '#lib/connector-sdk';
import { checkIntegration, definitionOf, fieldsOf, keepConfig, mergePatchedConfig, type MergedConfig, secretPaths } from '#lib/connectors';
import {
  type Command,
  configFieldOf,
  type FieldIssue,
  foreignConfigs,
  IntegrationDeleteParams,
  IntegrationListParams,
  IntegrationPatch,
  IntegrationPost,
  type IntegrationState,
  type Query as Ask,
  type Reply,
} from '#lib/contracts';
import { integration, type IntegrationChanges, notFound } from '#lib/domain';
import { checkHost } from '#lib/egress';
import type { Query } from '#lib/event-sourcing';
import { type DataKey, seal, sealFields } from '#lib/secrets';
import { templateIssue } from '#lib/templating';
import type { ConfigContext } from './context.ts';
import { credentialIssues } from './credential-use.ts';
import { execute, type Removal, remove } from './execute.ts';
import { invalid } from './failure.ts';
import { parseInput, parseParams } from './input.ts';
import { get, list, requireApplication } from './lists.ts';

const kind = 'integration';

interface Draft {
  readonly definition: Definition;
  readonly applicationId: string;
  readonly id: string;
  readonly credentialName: string | undefined;
  readonly topics: readonly string[];
  readonly merged: MergedConfig;
}

/** The configuration as it is stored: checked as a whole, defaults filled in, secrets sealed. Throws the 400 that names every wrong field. */
async function sealedConfig(context: ConfigContext, key: DataKey, draft: Draft): Promise<Record<string, unknown>> {
  const { definition, applicationId, id, credentialName, topics, merged } = draft;
  const issues: FieldIssue[] = await credentialIssues(context, definition, applicationId, credentialName);
  const checked = checkIntegration(
    definition,
    { credentialName, topics, config: merged.config },
    {
      template: templateIssue,
      host: (host) => checkHost(context.egress, host)?.message,
      kept: new Set(merged.kept.keys()),
    },
  );
  if (!checked.ok) issues.push(...checked.issues);
  if (issues.length > 0 || !checked.ok) throw invalid(issues);
  return sealFields(
    secretPaths(definition),
    checked.config,
    (clear, field) => seal(key, clear, { applicationId, resourceId: id, field }),
    merged.kept,
  );
}

/** A client id to assign where the type has one and none is given; ours is 23 characters, which every broker takes. */
const newClientId = (context: ConfigContext, definition: Definition): string | undefined =>
  fieldsOf(definition).some(({ path }) => path[0] === 'clientId') ? `sluice-${context.random(8).toString('hex')}` : undefined;

export async function createIntegration(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId } = command;
  await requireApplication(context, applicationId);
  const input = parseInput(IntegrationPost, command.input);
  const { integrationType, name, enabled, topics, credentialName } = input;
  const definition = definitionOf(integrationType);
  const key = await context.keys.find(applicationId);
  if (key === undefined) throw notFound('the application');
  const id = context.newId();
  const merged = { config: input[configFieldOf(integrationType)] ?? {}, kept: new Map() };
  const config = await sealedConfig(context, key, { definition, applicationId, id, credentialName, topics, merged });
  const now = new Date(context.now()).toISOString();
  const clientId = newClientId(context, definition);
  return await execute(context, {
    subject,
    command,
    kind,
    id,
    applicationId,
    creates: true,
    requires: [{ kind: 'application', id: applicationId }],
    decide: () =>
      integration.decide(
        { name: 'create', state: { id, applicationId, name, enabled, integrationType, credentialName, topics, config }, clientId, now },
        null,
      ),
  });
}

/** What a patch changes in what is stored. `key` seals the secrets that came with it. */
async function changesOf(
  context: ConfigContext,
  key: DataKey,
  state: IntegrationState,
  patch: IntegrationPatch,
): Promise<IntegrationChanges> {
  const { id, applicationId, integrationType } = state;
  const field = configFieldOf(integrationType);
  const foreign = foreignConfigs(patch, integrationType);
  if (foreign.length > 0)
    throw invalid(foreign.map((name) => ({ path: [name], message: `does not belong to the type ${integrationType}` })));
  const { name, enabled, credentialName, topics } = patch;
  if (credentialName === undefined && topics === undefined && patch[field] === undefined) return { name, enabled };
  const definition = definitionOf(integrationType);
  const credentials = {
    stored: state.credentialName,
    patched: credentialName === undefined ? state.credentialName : (credentialName ?? undefined),
  };
  const merged =
    patch[field] === undefined
      ? keepConfig(definition, state.config, credentials)
      : mergePatchedConfig(definition, state.config, patch[field], credentials);
  const draft = { definition, applicationId, id, credentialName: credentials.patched, topics: topics ?? state.topics, merged };
  return { name, enabled, credentialName, topics, config: await sealedConfig(context, key, draft) };
}

function parsePatch(input: unknown): IntegrationPatch {
  if (typeof input === 'object' && input !== null && 'integrationType' in input)
    throw invalid([{ path: ['integrationType'], message: 'can not be sent: the type of an integration never changes' }]);
  return parseInput(IntegrationPatch, input);
}

export async function updateIntegration(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id = '' } = command;
  const patch = parsePatch(command.input);
  const key = await context.keys.find(applicationId);
  if (key === undefined) throw notFound('the integration');
  return await execute(context, {
    subject,
    command,
    kind,
    id,
    applicationId,
    decide: async (state) => {
      if (state === null) throw notFound('the integration');
      const changes = await changesOf(context, key, state, patch);
      const clientId = newClientId(context, definitionOf(state.integrationType));
      return integration.decide({ name: 'update', changes, clientId, now: new Date(context.now()).toISOString() }, state);
    },
  });
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
  return [{ kind, id, ...found[0] }, ...workflows.map((workflow): Removal => ({ kind: 'workflow', subtype: '-', ...workflow }))];
}

export async function deleteIntegration(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id = '' } = command;
  const { includeWorkflows } = parseParams(IntegrationDeleteParams, command.params);
  return await remove(context, { subject, command, kind, id, applicationId }, (query) =>
    removalsOf(query, applicationId, id, includeWorkflows),
  );
}

export const getIntegration = (context: ConfigContext, ask: Ask): Promise<Reply> => get(context, kind, ask);

export async function listIntegrations(context: ConfigContext, { applicationId, params }: Ask): Promise<Reply> {
  await requireApplication(context, applicationId);
  return await list(context, kind, applicationId, parseParams(IntegrationListParams, params), { applicationId });
}
