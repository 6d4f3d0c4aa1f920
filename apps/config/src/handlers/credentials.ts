import {
  type Command,
  credentialConfigOf,
  CredentialListParams,
  CredentialPatch,
  CredentialPost,
  type CredentialState,
  foreignCredentialConfigs,
  type Query as Ask,
  type Reply,
} from '#lib/contracts';
import { credential, type CredentialChanges, notFound } from '#lib/domain';
import type { Query } from '#lib/event-sourcing';
import type { DataKey } from '#lib/secrets';
import type { ConfigContext } from './context.ts';
import { sealCredential } from './credential-secrets.ts';
import { execute } from './execute.ts';
import { invalid } from './failure.ts';
import { parseInput, parseParams } from './input.ts';
import { get, list, requireApplication } from './lists.ts';

const kind = 'credential';

/** Looked at while nobody else can append: of two that want a name at the same time one is refused. */
const uniqueName =
  (applicationId: string, name: string | undefined) =>
  async (query: Query): Promise<void> => {
    if (name === undefined) return;
    const rows: unknown[] = await query.query(
      "select 1 from read_models where kind = $1 and application_id = $2 and fields ->> 'name' = $3 limit 2",
      [kind, applicationId, name],
    );
    if (rows.length > 1) throw invalid([{ path: ['name'], message: 'is the name of another credential of this application' }]);
  };

export async function createCredential(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId } = command;
  await requireApplication(context, applicationId);
  const input = parseInput(CredentialPost, command.input);
  const { name, description, enabled, type } = input;
  const key = await context.keys.find(applicationId);
  if (key === undefined) throw notFound('the application');
  const id = context.newId();
  const config = sealCredential(key, context.egress, { applicationId, id, type }, input[credentialConfigOf(type)] ?? {});
  const now = new Date(context.now()).toISOString();
  return await execute(context, {
    subject,
    command,
    kind,
    id,
    creates: true,
    requires: [{ kind: 'application', id: applicationId }],
    decide: () => credential.decide({ name: 'create', state: { id, applicationId, name, description, enabled, type, config }, now }, null),
    alongside: uniqueName(applicationId, name),
  });
}

function parsePatch(input: unknown): CredentialPatch {
  if (typeof input === 'object' && input !== null && 'type' in input)
    throw invalid([{ path: ['type'], message: 'can not be sent: the type of a credential never changes' }]);
  return parseInput(CredentialPatch, input);
}

function changesOf(context: ConfigContext, key: DataKey, state: CredentialState, patch: CredentialPatch): CredentialChanges {
  const foreign = foreignCredentialConfigs(patch, state.type);
  if (foreign.length > 0) throw invalid(foreign.map((name) => ({ path: [name], message: `does not belong to the type ${state.type}` })));
  const { name, description, enabled } = patch;
  const sent = patch[credentialConfigOf(state.type)];
  return { name, description, enabled, config: sent === undefined ? undefined : sealCredential(key, context.egress, state, sent) };
}

export async function updateCredential(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId } = command;
  const patch = parsePatch(command.input);
  const key = await context.keys.find(applicationId);
  if (key === undefined) throw notFound('the credential');
  return await execute(context, {
    subject,
    command,
    kind,
    decide: (state) => {
      if (state === null) throw notFound('the credential');
      const changes = changesOf(context, key, state, patch);
      return credential.decide({ name: 'update', changes, now: new Date(context.now()).toISOString() }, state);
    },
    alongside: uniqueName(applicationId, patch.name),
  });
}

/** Whatever uses it: `linkedResources` shows that beforehand, and it fails plainly afterwards. */
export const deleteCredential = (context: ConfigContext, subject: string, command: Command): Promise<Reply> =>
  execute(context, { subject, command, kind, decide: (state) => credential.decide({ name: 'delete' }, state) });

export const getCredential = (context: ConfigContext, ask: Ask): Promise<Reply> => get(context, kind, ask);

export async function listCredentials(context: ConfigContext, { applicationId, params }: Ask): Promise<Reply> {
  await requireApplication(context, applicationId);
  return await list(context, kind, applicationId, parseParams(CredentialListParams, params), { applicationId });
}
