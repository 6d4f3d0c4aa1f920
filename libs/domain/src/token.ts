import type { TokenPatch, TokenState } from '#lib/contracts';
import type { Decider } from '#lib/event-sourcing';
import { notFound } from './error.ts';
import { changed, compact, evolve, type Fact, type Present } from './fact.ts';

export type TokenCommand =
  | { readonly name: 'create'; readonly now: string; readonly state: Omit<TokenState, 'creationDate' | 'lastUpdated'> }
  | { readonly name: 'update'; readonly now: string; readonly input: TokenPatch }
  /** The secret of a token that an operator keeps in a file was replaced. */
  | { readonly name: 'replace'; readonly now: string; readonly tokenHash: string }
  | { readonly name: 'delete' };
export type TokenEvent = Fact<'TokenCreated' | 'TokenUpdated' | 'TokenDeleted', TokenState>;

function decide(command: TokenCommand, state: Present<TokenState>): readonly TokenEvent[] {
  if (command.name === 'create')
    return [{ type: 'TokenCreated', state: compact({ ...command.state, creationDate: command.now, lastUpdated: command.now }) }];
  if (state === null) throw notFound('the token');
  if (command.name === 'delete') return [{ type: 'TokenDeleted', state: null }];
  const changes = command.name === 'update' ? compact(command.input) : { tokenHash: command.tokenHash };
  const next = { ...state, ...changes, lastUpdated: command.now };
  return changed(state, next) ? [{ type: 'TokenUpdated', state: next }] : [];
}

/** An API token. Neither its scope nor its expiration ever changes. */
export const token = { initialState: null, decide, evolve } satisfies Decider<Present<TokenState>, TokenCommand, TokenEvent>;
