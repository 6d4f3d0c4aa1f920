import { InboundType, type InboundEvent } from '#lib/contracts';
import type { Catalog } from './catalog.ts';
import type { Effect, Outcome } from './effect.ts';
import type { RunningNumbers } from './numbers.ts';
import { type Period, periodOf, type QuotaBook, type Taken } from './quota.ts';
import { providerIdOf, type RecentIds } from './recent-ids.ts';
import { type TimerBook, timerName } from './timer-book.ts';

/** What an inbound event comes to: which workflows to start, and what that changes in the ledger. */
export interface Decision {
  readonly workflows: readonly string[];
  readonly trigger: { readonly type: string; readonly key: string };
  readonly effect: Effect;
}

/** What the decisions of one partition rest on; they change all of it. */
export interface Books {
  readonly numbers: RunningNumbers;
  readonly quota: QuotaBook;
  readonly timers: TimerBook;
  readonly ids: RecentIds;
}

/** What a predecessor had decided about an event: it stands, whatever has changed since. */
export interface Decided {
  /** Every workflow that it starts. */
  readonly all: readonly string[];
  /** Of a message: where the quota was charged for it. */
  readonly charged?: Period;
}

const NONE: readonly string[] = [];

/**
 * Charges a message that a predecessor has dispatched, before anything is decided anew: by another configuration more of the messages before it may be let
 * through, and the allowance would be exceeded.
 */
export const charge = ({ applicationId, time }: Pick<InboundEvent, 'applicationId' | 'time'>, catalog: Catalog, { quota }: Books): Period =>
  quota.take(applicationId, periodOf(catalog.limits(applicationId)?.period ?? 'month', Date.parse(time)), 0).period;

/** Decides what an event starts, by the configuration and the books as they stand. */
export function decide(event: InboundEvent, catalog: Catalog, books: Books, already?: Decided): Decision {
  return event.type === 'message' ? decideMessage(event, catalog, books, already) : decideEvent(event, catalog, books, already);
}

function decideMessage(event: InboundEvent, catalog: Catalog, { numbers, quota, ids }: Books, already: Decided | undefined): Decision {
  const { applicationId, sourceId, sourceType, number, attributes } = event;
  const storedAt = Date.parse(event.time);
  const numbered = number === undefined ? { missing: 0, repeated: false } : numbers.see(sourceId, number);
  const id = providerIdOf(event);
  const isNew = id === undefined || ids.take(id, storedAt);
  const limits = catalog.limits(applicationId);
  const period = periodOf(limits?.period ?? 'month', storedAt);
  const end = (outcome: Outcome, workflows: readonly string[], taken?: Taken): Decision => ({
    workflows,
    trigger: { type: 'integration', key: sourceId },
    effect: {
      applicationId,
      sourceId,
      sourceType,
      type: 'message',
      triggered: workflows.length,
      message: {
        outcome,
        ...(number === undefined ? {} : { number }),
        ...(id !== undefined && isNew ? { id } : {}),
        ...numbered,
        redelivered: event.redelivered === true,
        ...(taken === undefined ? {} : { quota: { period: taken.period, storedAt, firstRefused: taken.first } }),
      },
    },
  });
  if (already !== undefined) return end('dispatched', already.all, { allowed: true, first: false, period: already.charged ?? period });
  if (!isNew) return end('duplicate', NONE);
  if (catalog.integration(applicationId, sourceId)?.enabled !== true || limits === undefined) return end('disabled', NONE);
  const taken = quota.take(applicationId, period, limits.payloads);
  if (!taken.allowed) return end('rejectedByQuota', NONE, taken);
  const workflows = catalog.matches(applicationId, sourceId, 'message', attributes['topic']);
  return end(workflows.length === 0 ? 'unmatched' : 'dispatched', workflows, taken);
}

/** Triggers of a workflow that no integration is the source of: their events name them by key. */
const OWN_TRIGGERS: Partial<Record<InboundType, string>> = { press: 'virtualButton', timer: 'timer', flowError: 'flowError' };

/** Events beside messages use no quota and have ledger rows of their own. */
function decideEvent(event: InboundEvent, catalog: Catalog, { timers }: Books, already: Decided | undefined): Decision {
  const { applicationId, sourceId, sourceType, type, attributes } = event;
  const own = OWN_TRIGGERS[type];
  const key = own === undefined ? sourceId : String(attributes['key']);
  const timer = type === 'timer' ? { name: timerName(sourceId, key), at: Number(attributes['at']) } : undefined;
  const first = timer === undefined || timers.take(timer.name, timer.at);
  const matching = (): readonly string[] => {
    if (own === undefined) return catalog.matches(applicationId, sourceId, type, undefined);
    if (type === 'flowError')
      return catalog.errorListeners.of(applicationId, { flowId: sourceId, flowClass: String(attributes['flowClass']) });
    return first && catalog.hasTrigger(applicationId, sourceId, own, key) ? [sourceId] : NONE;
  };
  const workflows = already?.all ?? matching();
  const { from, to, cause } = attributes;
  const gap = type === 'gap' ? { from: String(from), to: String(to), cause: String(cause).replaceAll('\0', '') } : undefined;
  return {
    workflows,
    trigger: { type: own ?? 'integration', key },
    effect: {
      applicationId,
      sourceId,
      sourceType,
      type,
      triggered: workflows.length,
      ...(gap === undefined ? {} : { gap }),
      ...(timer === undefined ? {} : { timer }),
    },
  };
}

/** A stored message that nothing can be decided about. */
export interface Undecidable {
  readonly applicationId: string;
  readonly sourceId: string;
  /** As far as it is known. */
  readonly type: string | undefined;
  /** Its running number; `none`: it has none, as replays and events beside messages; `unknown`: whatever stands there is no number. */
  readonly number: number | 'none' | 'unknown';
  readonly reason: string;
}

/** What a dead letter changes in the ledger. One whose number is unknown is taken for the next, which is what its connector gave it. */
export function decidePoison({ applicationId, sourceId, type, number }: Undecidable, numbers: RunningNumbers): Effect {
  const effect = { applicationId, sourceId, sourceType: 'unknown', triggered: 0 };
  const known = InboundType.safeParse(type);
  if (known.success && known.data !== 'message') return { ...effect, type: known.data };
  const given = typeof number === 'number' && !(Number.isSafeInteger(number) && number > 0) ? 'unknown' : number;
  const counted = given === 'unknown' ? numbers.takeNext(sourceId) : given;
  const numbered = typeof given === 'number' ? numbers.see(sourceId, given) : { missing: 0, repeated: false };
  const message = { outcome: 'deadLettered', ...(counted === 'none' ? {} : { number: counted }), ...numbered, redelivered: false } as const;
  return { ...effect, type: 'message', message };
}

/** What an event comes to when `missing` of its triggers can never be stored. */
export function undeliverable(effect: Effect, missing: number): Effect {
  const triggered = effect.triggered - missing;
  if (triggered > 0 || effect.message === undefined) return { ...effect, triggered };
  return { ...effect, triggered, message: { ...effect.message, outcome: 'deadLettered' } };
}
