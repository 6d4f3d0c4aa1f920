import { fault } from '#fault';
import type { Actor, Command, ConfigStates, IntegrationState, LiveKind, Reply, Sealed } from '#lib/contracts';
import type { Present } from '#lib/domain';
import { EventStoreError, type NewEvent, type Query, schemaVersionOf, type StoredEvent, type StreamKey } from '#lib/event-sourcing';
import { isSealed, unseal } from '#lib/secrets';
import { upcasters } from '../projection.ts';
import type { ConfigContext } from './context.ts';
import { failure } from './failure.ts';
import { toWire } from './wire.ts';

/** Of one aggregate, as JSON: whatever single limits add up to. The bus takes 8 MB; lists have to stay readable. */
const MAX_STATE_BYTES = 512 * 1024;
/** How often a command is decided anew because others changed the aggregate meanwhile. */
const ATTEMPTS = 12;

interface Decided<S> {
  readonly type: string;
  readonly state: Present<S>;
}

/** One command on one aggregate. */
export interface Execution<K extends LiveKind> {
  readonly subject: string;
  readonly command: Command;
  readonly kind: K;
  /** Of the aggregate; by default the one that the command names. */
  readonly id?: string;
  /** Whose it is; by default the command's. */
  readonly applicationId?: string;
  /** The aggregate is new. */
  readonly creates?: boolean;
  /** May be called again, with a newer state. */
  readonly decide: (state: Present<ConfigStates[K]>) => readonly Decided<ConfigStates[K]>[] | Promise<readonly Decided<ConfigStates[K]>[]>;
  readonly requires?: readonly StreamKey[];
  readonly alongside?: (query: Query) => Promise<void>;
  /** Events of another aggregate that belong to what was decided: they are stored together. Called with what it becomes. */
  readonly beside?: (state: ConfigStates[K]) => Promise<readonly NewEvent[]>;
  /** A new token's own text: in the answer once, and sealed in what is kept for a repeat. */
  readonly token?: { readonly clear: string; readonly sealed: Sealed | undefined };
}

/** What is kept with an idempotency key: enough to give the same answer again. */
interface Outcome {
  readonly kind: LiveKind;
  readonly id: string;
  readonly applicationId: string;
  readonly version: number;
  readonly position: number | null;
  readonly deleted: boolean;
  readonly sealedToken?: Sealed | undefined;
}

const outcomeKey = ({ applicationId, actor, id, idempotencyKey }: Command, subject: string): string | undefined =>
  idempotencyKey === undefined ? undefined : JSON.stringify([applicationId, actor.type, actor.id, subject, id ?? null, idempotencyKey]);

const subtypeOf = (kind: LiveKind, state: unknown): string => (kind === 'integration' ? (state as IntegrationState).integrationType : '-');

/** Decides and stores, when it is the command's turn here, with the expected version; decides again when another process was faster. Throws the refusal. */
export const execute = <K extends LiveKind>(context: ConfigContext, execution: Execution<K>): Promise<Reply> =>
  context.turns.take(idOf(execution), () => decideAndStore(context, execution));

const idOf = ({ id, command }: Pick<Execution<LiveKind>, 'id' | 'command'>): string => id ?? command.id ?? '';

async function decideAndStore<K extends LiveKind>(context: ConfigContext, execution: Execution<K>): Promise<Reply> {
  const key = outcomeKey(execution.command, execution.subject);
  const kept = key === undefined ? undefined : await context.store.outcome(key);
  if (kept !== undefined) return await repeat(context, kept as Outcome);
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce(context, execution, key);
    } catch (error) {
      if (!(error instanceof EventStoreError)) throw error;
      if (error.code === 'repeated') return await repeat(context, error.outcome as Outcome);
      if (error.code !== 'conflict' || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(200, 10 * 2 ** attempt)));
    }
  }
}

async function attemptOnce<K extends LiveKind>(context: ConfigContext, execution: Execution<K>, key: string | undefined): Promise<Reply> {
  const { kind, command, applicationId = command.applicationId, decide } = execution;
  const id = idOf(execution);
  const last = execution.creates === true ? undefined : await context.store.last({ kind, id });
  // A foreign aggregate is not there: its id tells nothing.
  if (last !== undefined && last.applicationId !== applicationId) throw failure('NotFound', `the ${kind} does not exist`);
  const before = (last?.state ?? null) as Present<ConfigStates[K]>;
  const decided = (await decide(before)).map(({ type, state }) => ({ type, state: authored(kind, before, state, command.actor) }));
  const events = decided.map(({ type, state }, index): NewEvent => {
    if (Buffer.byteLength(JSON.stringify(state)) > MAX_STATE_BYTES)
      throw failure('TooLarge', `The ${kind} would have more than ${MAX_STATE_BYTES / 1024} KB.`);
    const expectedVersion = (last?.version ?? 0) + index;
    const subtype = subtypeOf(kind, state ?? before);
    return { kind, streamId: id, applicationId, subtype, expectedVersion, type, schemaVersion: schemaVersionOf(upcasters, type), state };
  });
  const state = decided.length === 0 ? before : (decided.at(-1)?.state ?? null);
  if (events.length > 0 && state !== null) events.push(...((await execution.beside?.(state)) ?? []));
  const reached = (appended: readonly StoredEvent[]): { version: number; position: number | undefined } => ({
    version: appended.findLast(({ streamId }) => streamId === id)?.version ?? last?.version ?? 0,
    position: appended.at(-1)?.position ?? last?.position,
  });
  const outcome = (appended: readonly StoredEvent[]): Outcome => {
    const { version, position = null } = reached(appended);
    return { kind, id, applicationId, version, position, deleted: state === null, sealedToken: execution.token?.sealed };
  };
  const appended =
    events.length === 0 && key === undefined
      ? []
      : await context.store.append(events, {
          actor: command.actor,
          time: new Date(context.now()).toISOString(),
          requires: execution.requires ?? [],
          idempotency: key === undefined ? undefined : { key, outcome },
          alongside: execution.alongside,
        });
  if (appended.length > 0) fault('config.afterAppend');
  const { version, position } = reached(appended);
  return answer(kind, state, version, position, execution.token?.clear);
}

/** Kinds whose states say who made them, and who changed them last. */
const AUTHORED: ReadonlySet<LiveKind> = new Set(['workflow', 'flowVersion']);

function authored<S>(kind: LiveKind, before: Present<S>, state: Present<S>, { type, id }: Actor): Present<S> {
  if (state === null || type === 'system' || !AUTHORED.has(kind)) return state;
  const made = before === null ? { createdById: id, createdByType: type } : {};
  return { ...state, ...made, lastUpdatedById: id, lastUpdatedByType: type };
}

function answer<K extends LiveKind>(
  kind: K,
  state: Present<ConfigStates[K]>,
  version: number,
  position: number | undefined,
  token: string | undefined,
): Reply {
  const result = state === null ? { success: true } : { ...toWire(kind, state, version), ...(token === undefined ? {} : { token }) };
  return { ok: true, result, ...(position === undefined ? {} : { position }) };
}

/** The answer that a command was given before. */
async function repeat(context: ConfigContext, outcome: Outcome): Promise<Reply> {
  const { kind, id, applicationId, version, deleted, sealedToken } = outcome;
  const position = outcome.position ?? undefined;
  if (deleted) return { ok: true, result: { success: true }, ...(position === undefined ? {} : { position }) };
  const event = await context.store.at({ kind, id }, version);
  if (event === undefined || event.state === null) throw failure('NotFound', `the ${kind} does not exist`);
  const key = isSealed(sealedToken) ? await context.keys.find(applicationId) : undefined;
  const token =
    key === undefined || sealedToken === undefined
      ? undefined
      : unseal(key, sealedToken, { applicationId, resourceId: id, field: 'token' });
  return answer(kind, event.state as ConfigStates[LiveKind], version, position, token);
}

/** Removes aggregates together, decided while nobody else can append: what is found is what goes. */
export async function remove(
  context: ConfigContext,
  execution: Pick<Execution<LiveKind>, 'subject' | 'command' | 'kind' | 'alongside'>,
  find: (query: Query) => Promise<readonly Removal[]>,
): Promise<Reply> {
  const { subject, command, kind, alongside } = execution;
  const { applicationId } = command;
  const id = idOf({ command });
  const key = outcomeKey(command, subject);
  const outcome = (appended: readonly StoredEvent[]): Outcome => ({
    kind,
    id,
    applicationId,
    version: 0,
    position: appended.at(-1)?.position ?? null,
    deleted: true,
  });
  try {
    const appended = await context.store.append(async (query) => (await find(query)).map((removal) => deletionOf(removal, applicationId)), {
      actor: command.actor,
      time: new Date(context.now()).toISOString(),
      idempotency: key === undefined ? undefined : { key, outcome },
      alongside,
    });
    fault('config.afterAppend');
    return answer(kind, null, 0, appended.at(-1)?.position, undefined);
  } catch (error) {
    if (error instanceof EventStoreError && error.code === 'repeated') return await repeat(context, error.outcome as Outcome);
    throw error;
  }
}

/** An aggregate that goes, as its read model names it. */
export interface Removal {
  readonly kind: LiveKind;
  readonly id: string;
  readonly version: number;
  readonly subtype: string;
}

const DELETED: Record<LiveKind, string> = {
  application: 'ApplicationDeleted',
  integration: 'IntegrationDeleted',
  credential: 'CredentialDeleted',
  workflow: 'WorkflowDeleted',
  flowVersion: 'FlowVersionDeleted',
  token: 'TokenDeleted',
};

function deletionOf({ kind, id, version, subtype }: Removal, applicationId: string): NewEvent {
  const type = DELETED[kind];
  const schemaVersion = schemaVersionOf(upcasters, type);
  return { kind, streamId: id, applicationId, subtype, expectedVersion: version, type, schemaVersion, state: null };
}
