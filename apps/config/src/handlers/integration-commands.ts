import type { Definition } from '#lib/connector-sdk';
import { checkIntegration, definitionOf, fieldsOf, keepConfig, mergePatchedConfig, type MergedConfig, secretPaths } from '#lib/connectors';
import { configFieldOf, type FieldIssue, foreignConfigs, IntegrationPatch, IntegrationPost, type IntegrationState } from '#lib/contracts';
import { type IntegrationChanges, type IntegrationCommand, notFound } from '#lib/domain';
import { checkHost } from '#lib/egress';
import { type DataKey, seal, sealFields } from '#lib/secrets';
import { templateIssue } from '#lib/templating';
import type { ConfigContext } from './context.ts';
import { credentialIssues } from './credential-use.ts';
import { invalid } from './failure.ts';
import { parseInput } from './input.ts';

// What is sent about an integration, made into commands: checked as a whole, secrets sealed.

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
  const checked = checkIntegration(
    definition,
    { credentialName, topics, config: merged.config },
    {
      template: templateIssue,
      host: (host) => checkHost(context.egress, host)?.message,
      kept: new Set(merged.kept.keys()),
    },
  );
  const sound = checked.ok ? checked.config : {};
  const issues: FieldIssue[] = await credentialIssues(context, definition, applicationId, credentialName, sound);
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

/** Throws the refusal of what is sent. */
export async function creationOf(
  context: ConfigContext,
  applicationId: string,
  sent: unknown,
): Promise<Extract<IntegrationCommand, { name: 'create' }>> {
  const input = parseInput(IntegrationPost, sent);
  const { integrationType, name, enabled, topics, credentialName } = input;
  const definition = definitionOf(integrationType);
  const key = await context.keys.find(applicationId);
  if (key === undefined) throw notFound('the application');
  const id = context.newId();
  const merged = { config: input[configFieldOf(integrationType)] ?? {}, kept: new Map() };
  const config = await sealedConfig(context, key, { definition, applicationId, id, credentialName, topics, merged });
  const now = new Date(context.now()).toISOString();
  const clientId = newClientId(context, definition);
  return { name: 'create', state: { id, applicationId, name, enabled, integrationType, credentialName, topics, config }, clientId, now };
}

/** Throws the refusal of the patch. */
export async function updateOf(
  context: ConfigContext,
  state: IntegrationState,
  patch: IntegrationPatch,
): Promise<Extract<IntegrationCommand, { name: 'update' }>> {
  const key = await context.keys.find(state.applicationId);
  if (key === undefined) throw notFound('the integration');
  const changes = await changesOf(context, key, state, patch);
  const clientId = newClientId(context, definitionOf(state.integrationType));
  return { name: 'update', changes, clientId, now: new Date(context.now()).toISOString() };
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

export function parsePatch(input: unknown): IntegrationPatch {
  if (typeof input === 'object' && input !== null && 'integrationType' in input)
    throw invalid([{ path: ['integrationType'], message: 'can not be sent: the type of an integration never changes' }]);
  return parseInput(IntegrationPatch, input);
}
