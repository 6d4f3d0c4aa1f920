import type { CredentialState, FieldIssue } from '#lib/contracts';
import { credentialConfigOf } from '#lib/contracts';
import type { Decider } from '#lib/event-sourcing';
import { notFound, refuseIf } from './error.ts';
import { changed, compact, evolve, type Fact, type Present } from './fact.ts';

/** `config` has its secret sealed; fields that it lacks stay as they are. */
export interface CredentialChanges {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly config?: Record<string, unknown> | undefined;
}

export type CredentialCommand =
  | { readonly name: 'create'; readonly state: Omit<CredentialState, 'creationDate' | 'lastUpdated'>; readonly now: string }
  | { readonly name: 'update'; readonly changes: CredentialChanges; readonly now: string }
  | { readonly name: 'delete' };
export type CredentialEvent = Fact<'CredentialCreated' | 'CredentialUpdated' | 'CredentialDeleted', CredentialState>;

/** What is sent under a name needs the name; a user name may be blank. */
function ruleIssues({ type, config }: CredentialState): FieldIssue[] {
  const nameless = type === 'http' && config['authMethod'] !== 'basicAuth' && config['publicValue'] === '';
  return nameless
    ? [{ path: [credentialConfigOf(type), 'publicValue'], message: `must not be blank with the method ${String(config['authMethod'])}` }]
    : [];
}

/** A blank account means that none is named. */
function withoutBlanks(config: Record<string, unknown>): Record<string, unknown> {
  const { account, ...rest } = config;
  return account === undefined || account === '' ? rest : config;
}

function checked(state: CredentialState): CredentialState {
  const whole = { ...state, config: withoutBlanks(state.config) };
  refuseIf(ruleIssues(whole));
  return whole;
}

function update(state: CredentialState, { changes, now }: Extract<CredentialCommand, { name: 'update' }>): CredentialState {
  const { config, ...others } = changes;
  return checked({ ...state, ...compact(others), config: { ...state.config, ...compact(config ?? {}) }, lastUpdated: now });
}

function decide(command: CredentialCommand, state: Present<CredentialState>): readonly CredentialEvent[] {
  if (command.name === 'create') {
    const created = compact({ ...command.state, creationDate: command.now, lastUpdated: command.now });
    return [{ type: 'CredentialCreated', state: checked(created) }];
  }
  if (state === null) throw notFound('the credential');
  if (command.name === 'delete') return [{ type: 'CredentialDeleted', state: null }];
  const next = update(state, command);
  return changed(state, next) ? [{ type: 'CredentialUpdated', state: next }] : [];
}

/** A service credential: a named secret. Its type never changes: no command carries one. */
export const credential = { initialState: null, decide, evolve } satisfies Decider<
  Present<CredentialState>,
  CredentialCommand,
  CredentialEvent
>;
