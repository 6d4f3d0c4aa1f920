import type { ApplicationPatch, ApplicationPost, ApplicationState, FieldIssue, GlobalState, GlobalsPatch, Sealed } from '#lib/contracts';
import { GLOBAL_MASK } from '#lib/contracts';
import type { Decider } from '#lib/event-sourcing';
import { notFound, refuseIf } from './error.ts';
import { changed, compact, evolve, type Fact, type Present } from './fact.ts';

/** Seals the JSON text of a global. */
export type SealGlobal = (key: string, json: string) => Sealed;

export type ApplicationCommand =
  | { readonly name: 'create'; readonly id: string; readonly now: string; readonly input: ApplicationPost; readonly seal: SealGlobal }
  | { readonly name: 'update'; readonly now: string; readonly input: ApplicationPatch; readonly seal: SealGlobal }
  | { readonly name: 'setGlobals'; readonly now: string; readonly input: GlobalsPatch; readonly seal: SealGlobal }
  | { readonly name: 'delete' };
export type ApplicationEvent = Fact<'ApplicationCreated' | 'ApplicationUpdated' | 'ApplicationDeleted', ApplicationState>;

const MAX_GLOBALS = 100;

/** What was sent as one global: `json` absent, or the mask of a stored secret, keeps the stored value. */
type SentGlobal = Omit<GlobalState, 'json'> & { readonly json?: string | undefined };

const withoutValue = ({ key, description, cloudOnly }: GlobalState): SentGlobal => compact({ key, description, cloudOnly });

function valueOf(
  sent: SentGlobal,
  stored: GlobalState | undefined,
  secret: boolean,
  seal: SealGlobal,
): { json: GlobalState['json'] } | { issue: string } {
  const masked = stored !== undefined && typeof stored.json !== 'string' && sent.json === GLOBAL_MASK;
  const json = sent.json === undefined || masked ? stored?.json : sent.json;
  if (json === undefined) return { issue: 'is required: no value of this global is stored' };
  if (secret) {
    if (json === GLOBAL_MASK) return { issue: 'is a mask, and no secret is stored that it could stand for: send the value itself' };
    return { json: typeof json === 'string' ? seal(sent.key, json) : json };
  }
  if (typeof json !== 'string') return { issue: 'is sealed: send a new value with it to make this global readable' };
  return { json };
}

/** The globals as they are stored: what `secret` names is sealed, what was sealed before stays as it is. */
function storedGlobals(
  sent: readonly SentGlobal[],
  before: readonly GlobalState[],
  secretGlobals: readonly string[],
  seal: SealGlobal,
  at: (index: number, key: string) => (string | number)[],
): GlobalState[] {
  const issues: FieldIssue[] = [];
  const globals = sent.flatMap((entry, index): GlobalState[] => {
    const stored = before.find(({ key }) => key === entry.key);
    const value = valueOf(entry, stored, secretGlobals.includes(entry.key), seal);
    if ('issue' in value) issues.push({ path: at(index, entry.key), message: value.issue });
    else return [compact({ key: entry.key, json: value.json, description: entry.description, cloudOnly: entry.cloudOnly })];
    return [];
  });
  refuseIf(issues);
  return globals;
}

const DEFAULT_LIMITS = { messagesPerSecond: 20, burst: 20, payloads: 0, period: 'month' as const };

function create({ id, now, input, seal }: Extract<ApplicationCommand, { name: 'create' }>): ApplicationState {
  const secretGlobals = input.secretGlobals ?? [];
  return compact({
    id,
    name: input.name,
    description: input.description,
    globals: storedGlobals(input.globals ?? [], [], secretGlobals, seal, (index) => ['globals', index, 'json']),
    secretGlobals,
    limits: { ...DEFAULT_LIMITS, ...compact(input.limits ?? {}) },
    creationDate: now,
    lastUpdated: now,
  });
}

function update(state: ApplicationState, { now, input, seal }: Extract<ApplicationCommand, { name: 'update' }>): ApplicationState {
  const secretGlobals = input.secretGlobals ?? state.secretGlobals;
  // Without globals in the patch the stored ones are looked at again: secretGlobals may name other keys now.
  const globals = storedGlobals(input.globals ?? state.globals.map(withoutValue), state.globals, secretGlobals, seal, (index) =>
    input.globals === undefined ? ['secretGlobals'] : ['globals', index, 'json'],
  );
  return {
    ...state,
    ...compact({ name: input.name, description: input.description }),
    globals,
    secretGlobals,
    limits: { ...state.limits, ...compact(input.limits ?? {}) },
    lastUpdated: now,
  };
}

function setGlobals(state: ApplicationState, { now, input, seal }: Extract<ApplicationCommand, { name: 'setGlobals' }>): ApplicationState {
  const merged = new Map<string, SentGlobal>(state.globals.map((global) => [global.key, withoutValue(global)]));
  for (const entry of input) {
    if (entry.json === null) merged.delete(entry.key);
    else merged.set(entry.key, { ...merged.get(entry.key), ...compact({ ...entry, json: entry.json }) });
  }
  if (merged.size > MAX_GLOBALS) refuseIf([{ path: [], message: `must not lead to more than ${MAX_GLOBALS} globals` }]);
  const globals = storedGlobals([...merged.values()], state.globals, state.secretGlobals, seal, (_, key) => [
    Math.max(
      0,
      input.findIndex((entry) => entry.key === key),
    ),
    'json',
  ]);
  return { ...state, globals, lastUpdated: now };
}

function decide(command: ApplicationCommand, state: Present<ApplicationState>): readonly ApplicationEvent[] {
  if (command.name === 'create') return [{ type: 'ApplicationCreated', state: create(command) }];
  if (state === null) throw notFound('the application');
  if (command.name === 'delete') return [{ type: 'ApplicationDeleted', state: null }];
  const next = command.name === 'update' ? update(state, command) : setGlobals(state, command);
  return changed(state, next) ? [{ type: 'ApplicationUpdated', state: next }] : [];
}

/** An application: a tenant with its globals and its plan. */
export const application = { initialState: null, decide, evolve } satisfies Decider<
  Present<ApplicationState>,
  ApplicationCommand,
  ApplicationEvent
>;
