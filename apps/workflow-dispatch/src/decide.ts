import type { InboundEvent } from '#lib/contracts';
import type { Catalog } from './catalog.ts';
import type { Effect, Outcome } from './effect.ts';
import type { RunningNumbers } from './numbers.ts';
import { type QuotaBook, periodOf } from './quota.ts';

/** What an inbound event comes to: which workflows to start, and what that changes in the ledger. */
export interface Decision {
  readonly workflows: readonly string[];
  readonly trigger: { readonly type: string; readonly key: string };
  readonly effect: Effect;
  /** The first message refused in its quota period: worth an event. */
  readonly firstRefused?: true;
}

/** What the decisions of one partition rest on; they change both. */
export interface Books {
  readonly numbers: RunningNumbers;
  readonly quota: QuotaBook;
}

const NONE: readonly string[] = [];

/**
 * Decides what an event starts, by the configuration and the books as they stand. `already`: the workflows that its message was found to start when a
 * predecessor had published some of them: that decision stands.
 */
export function decide(event: InboundEvent, catalog: Catalog, books: Books, already?: readonly string[]): Decision {
  return event.type === 'message' ? decideMessage(event, catalog, books, already) : decideEvent(event, catalog, already);
}

function decideMessage(event: InboundEvent, catalog: Catalog, { numbers, quota }: Books, already: readonly string[] | undefined): Decision {
  const { applicationId, sourceId, sourceType, number, attributes } = event;
  const storedAt = Date.parse(event.time);
  const numbered = number === undefined ? { missing: 0, repeated: false } : numbers.see(sourceId, number);
  const limits = catalog.limits(applicationId);
  const period = periodOf(limits?.period ?? 'month', storedAt);
  const end = (outcome: Outcome, workflows: readonly string[], counted: boolean): Decision => ({
    workflows,
    trigger: { type: 'integration', key: sourceId },
    effect: {
      applicationId,
      sourceId,
      sourceType,
      type: 'message',
      triggered: workflows.length,
      message: { outcome, number, ...numbered, redelivered: event.redelivered === true, storedAt, ...(counted ? { period } : {}) },
    },
  });
  if (already !== undefined) {
    quota.charge(applicationId, period.key);
    return end('dispatched', already, true);
  }
  if (catalog.integration(applicationId, sourceId)?.enabled !== true || limits === undefined) return end('disabled', NONE, false);
  const { allowed, first } = quota.take(applicationId, period.key, limits.payloads);
  if (!allowed) return { ...end('rejectedByQuota', NONE, true), ...(first ? { firstRefused: true } : {}) };
  const workflows = catalog.matches(applicationId, sourceId, 'message', attributes['topic']);
  return end(workflows.length === 0 ? 'unmatched' : 'dispatched', workflows, true);
}

/** Events beside messages use no quota and have ledger rows of their own. */
function decideEvent(event: InboundEvent, catalog: Catalog, already: readonly string[] | undefined): Decision {
  const { applicationId, sourceId, sourceType, type, attributes } = event;
  const press = type === 'press';
  const key = press ? String(attributes['key']) : sourceId;
  const workflows =
    already ??
    (press
      ? catalog.hasButton(applicationId, sourceId, key)
        ? [sourceId]
        : NONE
      : catalog.matches(applicationId, sourceId, type, undefined));
  const { from, to, cause } = attributes;
  const gap = type === 'gap' ? { from: String(from), to: String(to), cause: String(cause) } : undefined;
  return {
    workflows,
    trigger: { type: press ? 'virtualButton' : 'integration', key },
    effect: { applicationId, sourceId, sourceType, type, triggered: workflows.length, ...(gap === undefined ? {} : { gap }) },
  };
}
