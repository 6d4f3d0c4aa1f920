import {
  ApplicationListParams,
  ApplicationPatch,
  ApplicationPost,
  type Command,
  GlobalsPatch,
  type LiveKind,
  type Query as Ask,
  type Reply,
} from '#lib/contracts';
import { application, type SealGlobal } from '#lib/domain';
import type { Query } from '#lib/event-sourcing';
import { type DataKey, seal } from '#lib/secrets';
import type { ConfigContext } from './context.ts';
import { execute, type Removal, remove } from './execute.ts';
import { failure } from './failure.ts';
import { parseInput, parseParams } from './input.ts';
import { get, list } from './lists.ts';

const kind = 'application';

const sealer =
  (key: DataKey, applicationId: string): SealGlobal =>
  (name, json) =>
    seal(key, json, { applicationId, resourceId: applicationId, field: `globals.${name}` });

function refuseLimits(command: Command, limits: unknown): void {
  if (limits !== undefined && !command.instance) throw failure('Forbidden', "limits can be set with an instance's token only");
}

export async function createApplication(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  if (!command.instance) throw failure('Forbidden', "applications can be created with an instance's token only");
  const input = parseInput(ApplicationPost, command.input);
  const id = context.newId();
  const { key, store } = context.keys.create(id);
  const now = new Date(context.now()).toISOString();
  const decide = () => application.decide({ name: 'create', id, now, input, seal: sealer(key, id) }, null);
  return await execute(context, { subject, command, kind, id, applicationId: id, creates: true, decide, alongside: store });
}

/** The application that a command is for; a foreign one is not there. */
async function keyOf(context: ConfigContext, { applicationId, id }: Command): Promise<DataKey> {
  const key = id === applicationId ? await context.keys.find(applicationId) : undefined;
  if (key === undefined) throw failure('NotFound', 'the application does not exist');
  return key;
}

export async function updateApplication(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId } = command;
  const input = parseInput(ApplicationPatch, command.input);
  refuseLimits(command, input.limits);
  const key = await keyOf(context, command);
  const now = new Date(context.now()).toISOString();
  return await execute(context, {
    subject,
    command,
    kind,
    decide: (state) => application.decide({ name: 'update', now, input, seal: sealer(key, applicationId) }, state),
  });
}

export async function setGlobals(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId } = command;
  const input = parseInput(GlobalsPatch, command.input);
  const key = await keyOf(context, command);
  const now = new Date(context.now()).toISOString();
  return await execute(context, {
    subject,
    command,
    kind,
    decide: (state) => application.decide({ name: 'setGlobals', now, input, seal: sealer(key, applicationId) }, state),
  });
}

/** Everything in an application: after what uses them the credentials, which it may still need to leave in order; the application itself last. */
async function contentsOf(query: Query, applicationId: string): Promise<Removal[]> {
  const rows: { kind: LiveKind; id: string; version: number; subtype: string }[] = await query.query(
    `select kind, id, version, coalesce(fields ->> 'integrationType', '-') as subtype from read_models
     where application_id = $1 order by kind = 'application', kind = 'credential', kind, id`,
    [applicationId],
  );
  if (rows.at(-1)?.kind !== kind) throw failure('NotFound', 'the application does not exist');
  return rows;
}

/** Removes the application with all that is in it, at once, and its data key: what was sealed with it can't be read any more. */
export async function deleteApplication(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, id } = command;
  if (id !== applicationId) throw failure('NotFound', 'the application does not exist');
  return await remove(context, { subject, command, kind, alongside: (query) => context.keys.forget(query, applicationId) }, (query) =>
    contentsOf(query, applicationId),
  );
}

export const getApplication = (context: ConfigContext, ask: Ask): Promise<Reply> => get(context, kind, ask);

/** All applications for an instance's token; for an application's, itself. */
export async function listApplications(context: ConfigContext, { applicationId, params }: Ask): Promise<Reply> {
  return await list(context, kind, applicationId === '-' ? undefined : applicationId, parseParams(ApplicationListParams, params), {});
}
