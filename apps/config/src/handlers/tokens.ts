import { createHash } from 'node:crypto';
import {
  type Actor,
  beyond,
  type Command,
  type Query as Ask,
  type Reply,
  TokenListParams,
  TokenPatch,
  TokenPost,
  type TokenState,
} from '#lib/contracts';
import { type Present, token } from '#lib/domain';
import { seal } from '#lib/secrets';
import type { ConfigContext } from './context.ts';
import { execute } from './execute.ts';
import { failure, invalid } from './failure.ts';
import { parseInput, parseParams } from './input.ts';
import { get, list, requireApplication } from './lists.ts';

const kind = 'token';
const TOKEN_BYTES = 32;

/** The creator that answers name: tokens are made by a token, a user or a workflow. */
const creatorType = ({ type }: Actor): TokenState['creatorType'] => (type === 'system' ? 'apiToken' : type);

function parsePost(context: ConfigContext, command: Command): TokenPost {
  const input = parseInput(TokenPost, command.input);
  const more = beyond(command.scopes, input.scope);
  if (more.length > 0) throw failure('Forbidden', `scope: a token can't give more than it has itself: ${more.join(', ')}`);
  if (input.expirationDate !== undefined && Date.parse(input.expirationDate) <= context.now())
    throw invalid([{ path: ['expirationDate'], message: 'must be in the future' }]);
  return input;
}

/** Makes a token. Its text is in this answer and nowhere else: what is stored is its hash. */
export async function createToken(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const { applicationId, actor, idempotencyKey } = command;
  await requireApplication(context, applicationId);
  const { name, description, scope, status, expirationDate } = parsePost(context, command);
  const id = context.newId();
  const clear = context.random(TOKEN_BYTES).toString('base64url');
  const key = idempotencyKey === undefined ? undefined : await context.keys.find(applicationId);
  const state = {
    id,
    applicationId,
    name,
    description,
    scope,
    status,
    tokenHash: createHash('sha256').update(clear).digest('hex'),
    expirationDate: expirationDate === undefined ? undefined : new Date(expirationDate).toISOString(),
    creatorId: actor.id,
    creatorType: creatorType(actor),
  };
  const now = new Date(context.now()).toISOString();
  return await execute(context, {
    subject,
    command,
    kind,
    id,
    creates: true,
    requires: [{ kind: 'application', id: applicationId }],
    decide: () => token.decide({ name: 'create', state, now }, null),
    token: { clear, sealed: key === undefined ? undefined : seal(key, clear, { applicationId, resourceId: id, field: 'token' }) },
  });
}

export async function updateToken(context: ConfigContext, subject: string, command: Command): Promise<Reply> {
  const input = parseInput(TokenPatch, command.input);
  const now = new Date(context.now()).toISOString();
  const decide = (state: Present<TokenState>) => token.decide({ name: 'update', now, input }, state);
  return await execute(context, { subject, command, kind, decide });
}

export const deleteToken = (context: ConfigContext, subject: string, command: Command): Promise<Reply> =>
  execute(context, { subject, command, kind, decide: (state) => token.decide({ name: 'delete' }, state) });

export const getToken = (context: ConfigContext, ask: Ask): Promise<Reply> => get(context, kind, ask);

export async function listTokens(context: ConfigContext, { applicationId, params }: Ask): Promise<Reply> {
  await requireApplication(context, applicationId);
  const asked = parseParams(TokenListParams, params);
  return await list(context, kind, applicationId, asked, { ownerId: applicationId, ownerType: 'application' });
}

/** A token by its hash, for a gateway that has not heard of it yet; null when there is none. */
export async function lookUpToken(context: ConfigContext, { params }: Ask): Promise<Reply> {
  const { tokenHash } = params;
  const rows: { state: TokenState }[] = await context.database.query(
    "select state from read_models where kind = 'token' and fields ->> 'tokenHash' = $1",
    [typeof tokenHash === 'string' ? tokenHash.replaceAll('\0', '') : ''],
  );
  return { ok: true, result: rows[0]?.state ?? null };
}

/** The operator's own token: always this one, so that a new text in its file replaces the old. */
const INSTANCE_TOKEN_ID = '0'.repeat(24);

/** Sees to it that the instance's token is the one with this hash (SHA-256, hexadecimal). */
export async function ensureInstanceToken(context: ConfigContext, tokenHash: string): Promise<void> {
  const actor = { type: 'system' as const, id: 'config' };
  const now = new Date(context.now()).toISOString();
  const state = {
    id: INSTANCE_TOKEN_ID,
    applicationId: '-' as const,
    name: 'Instance',
    scope: ['all.Instance'],
    status: 'active' as const,
    tokenHash,
    creatorId: actor.id,
    creatorType: 'apiToken' as const,
  };
  await execute(context, {
    subject: 'command.token.ensure',
    command: { applicationId: '-', actor, instance: true, scopes: [], params: {}, input: {} },
    kind,
    id: INSTANCE_TOKEN_ID,
    decide: (stored) => token.decide(stored === null ? { name: 'create', state, now } : { name: 'replace', tokenHash, now }, stored),
  });
}
