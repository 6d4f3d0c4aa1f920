import type { IntegrationState } from '#lib/contracts';
import type { Decider } from '#lib/event-sourcing';
import { notFound } from './error.ts';
import { changed, compact, evolve, type Fact, type Present } from './fact.ts';

/** `config` has passed its definition and has its secrets sealed. */
export interface IntegrationChanges {
  readonly name?: string | undefined;
  readonly enabled?: boolean | undefined;
  /** null clears it. */
  readonly credentialName?: string | null | undefined;
  readonly topics?: string[] | undefined;
  readonly config?: Record<string, unknown> | undefined;
}

/** A client id to assign where none was given; undefined for types that have none. */
interface Assigning {
  readonly clientId: string | undefined;
  readonly now: string;
}

export type IntegrationCommand =
  | ({
      readonly name: 'create';
      readonly state: Omit<IntegrationState, 'creationDate' | 'lastUpdated' | 'assignedClientId'>;
    } & Assigning)
  | ({ readonly name: 'update'; readonly changes: IntegrationChanges } & Assigning)
  | { readonly name: 'delete' };
export type IntegrationEvent = Fact<'IntegrationCreated' | 'IntegrationUpdated' | 'IntegrationDeleted', IntegrationState>;

/** An assigned client id is kept for the life of the integration: a persistent session at the broker hangs on it. */
const withClientId = (state: IntegrationState, clientId: string | undefined): IntegrationState =>
  state.config['clientId'] !== undefined || state.assignedClientId !== undefined || clientId === undefined
    ? state
    : { ...state, assignedClientId: clientId };

function update(state: IntegrationState, { changes, clientId, now }: Extract<IntegrationCommand, { name: 'update' }>): IntegrationState {
  const { credentialName, ...others } = changes;
  const next: IntegrationState = { ...state, ...compact(others), lastUpdated: now };
  if (credentialName === null) delete next.credentialName;
  else if (credentialName !== undefined) next.credentialName = credentialName;
  return withClientId(next, clientId);
}

function decide(command: IntegrationCommand, state: Present<IntegrationState>): readonly IntegrationEvent[] {
  if (command.name === 'create') {
    const created = compact({ ...command.state, creationDate: command.now, lastUpdated: command.now });
    return [{ type: 'IntegrationCreated', state: withClientId(created, command.clientId) }];
  }
  if (state === null) throw notFound('the integration');
  if (command.name === 'delete') return [{ type: 'IntegrationDeleted', state: null }];
  const next = update(state, command);
  return changed(state, next) ? [{ type: 'IntegrationUpdated', state: next }] : [];
}

/** An integration: a configured connection. Its type never changes: no command carries one. */
export const integration = { initialState: null, decide, evolve } satisfies Decider<
  Present<IntegrationState>,
  IntegrationCommand,
  IntegrationEvent
>;
