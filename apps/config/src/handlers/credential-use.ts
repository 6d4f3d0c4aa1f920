import type { Definition } from '#lib/connector-sdk';
import type { ConfigStates, CredentialState, FieldIssue, Query as Ask, Reply } from '#lib/contracts';
import { CREDENTIAL_SECRET, listAnswer } from '#lib/contracts';
import { findModel } from '#lib/event-sourcing';
import type { ConfigContext } from './context.ts';
import { failure } from './failure.ts';
import { toWire } from './wire.ts';

/** Users of each kind in one answer: as many as a list's page has, and as the bus carries for both kinds together. */
const MAX_ITEMS = 1_000;
const MAX_BYTES = 3 * 1024 * 1024;

/** Why an integration of this configuration can't be saved with this credential: there must be one of that name, of the type that its own type takes, and one that suits it. */
export async function credentialIssues(
  context: ConfigContext,
  definition: Definition,
  applicationId: string,
  credentialName: string | undefined,
  config: Readonly<Record<string, unknown>>,
): Promise<FieldIssue[]> {
  // Of a type that takes none, its definition says so.
  if (credentialName === undefined || definition.credential === undefined) return [];
  const rows: { state: CredentialState }[] = await context.database.query(
    "select state from read_models where kind = 'credential' and application_id = $1 and fields ->> 'name' = $2",
    [applicationId, credentialName],
  );
  const found = rows[0]?.state;
  const refuse = (message: string): FieldIssue[] => [{ path: ['credentialName'], message }];
  if (found === undefined) return refuse('names no credential of this application');
  if (found.type !== definition.credential)
    return refuse(`names a credential of the type ${found.type}: ${definition.title} needs one of the type ${definition.credential}`);
  const { [CREDENTIAL_SECRET[found.type]]: _secret, ...open } = found.config;
  const issue = definition.credentialIssue?.(open, config);
  return issue === undefined ? [] : refuse(`names a credential that ${issue}`);
}

const INTEGRATIONS = "state ->> 'credentialName' = $3";
/** Nodes name one by a template; a name that is only made in a run can't be seen. */
const FLOWS = `(state -> 'nodes' @> jsonb_build_array(jsonb_build_object('config', jsonb_build_object('credentialNameTemplate', $3::text)))
  or state -> 'nodes' @> jsonb_build_array(jsonb_build_object('config', jsonb_build_object('credentialName', $3::text))))`;

async function usersOf(
  context: ConfigContext,
  kind: 'integration' | 'workflow' | 'flowVersion',
  uses: string,
  applicationId: string,
  name: string,
): Promise<Record<string, unknown>> {
  const rows: { state: ConfigStates[typeof kind]; version: number; total: string }[] = await context.database.query(
    `select state, version, total from (
       select state, version, count(*) over () as total, sum(octet_length(state::text)) over (order by lower(coalesce(fields ->> 'name', fields ->> 'version')), id) as bytes
       from read_models where kind = $1 and application_id = $2 and ${uses}) as users
     where bytes <= $4 order by bytes limit $5`,
    [kind, applicationId, name, MAX_BYTES, MAX_ITEMS],
  );
  return listed(
    rows.map(({ state, version }) => toWire(kind, state, version)),
    Number(rows[0]?.total ?? 0),
    applicationId,
  );
}

const listed = (items: Record<string, unknown>[], total: number, applicationId: string): Record<string, unknown> =>
  listAnswer(items, total, { page: 0, perPage: MAX_ITEMS, sortField: 'name', sortDirection: 'asc' }, { applicationId });

/** What names the credential now. */
export async function linkedResources(context: ConfigContext, { applicationId, id = '' }: Ask): Promise<Reply> {
  const model = await findModel(context.database, { kind: 'credential', id });
  if (model === undefined || model.applicationId !== applicationId) throw failure('NotFound', 'the credential does not exist');
  const { name } = model.state as CredentialState;
  const [integrations, flows, flowVersions] = [
    await usersOf(context, 'integration', INTEGRATIONS, applicationId, name),
    await usersOf(context, 'workflow', FLOWS, applicationId, name),
    await usersOf(context, 'flowVersion', FLOWS, applicationId, name),
  ];
  return { ok: true, result: { integrations, flows, flowVersions } };
}
