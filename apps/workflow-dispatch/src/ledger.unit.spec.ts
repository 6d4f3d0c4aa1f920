import { describe, expect, it } from 'vitest';
import { ledgerOf } from './ledger.ts';
import { type MessageCounts, sumOf } from './persistence/ledger-reader.ts';

const counts = (changes: Partial<MessageCounts> = {}): MessageCounts => ({
  lastNumber: 0,
  replayed: 0,
  dispatched: 0,
  unmatched: 0,
  rejectedByQuota: 0,
  disabled: 0,
  deadLettered: 0,
  duplicates: 0,
  missing: 0,
  repeated: 0,
  redelivered: 0,
  oversize: 0,
  triggered: 0,
  ...changes,
});
const noRuns = { succeeded: 0, failed: 0, deadLettered: 0, restarted: 0 };

describe('the ledger', () => {
  it('counts runs that were over before their message was committed as triggered', () => {
    expect(ledgerOf(counts({ triggered: 1 }), 1, { ...noRuns, succeeded: 3, failed: 1 }, []).runs).toMatchObject({
      triggered: 4,
      inFlight: 0,
    });
    expect(ledgerOf(counts({ triggered: 6 }), 1, { ...noRuns, succeeded: 3, failed: 1 }, []).runs).toMatchObject({
      triggered: 6,
      inFlight: 2,
    });
  });

  it('closes: what was received went somewhere, waits, or is unexplained', () => {
    const of = counts({
      lastNumber: 20,
      replayed: 1,
      dispatched: 10,
      unmatched: 3,
      rejectedByQuota: 2,
      disabled: 2,
      deadLettered: 1,
      missing: 3,
      repeated: 2,
    });
    const ledger = ledgerOf(of, 5, noRuns, []);
    expect(ledger).toMatchObject({ received: 28, inFlight: 5, unexplained: 5 });
    const { dispatched, unmatched, rejectedByQuota, disabled, deadLettered, inFlight, unexplained } = ledger;
    expect(dispatched + unmatched + rejectedByQuota + disabled + deadLettered + inFlight + unexplained).toBe(ledger.received);
  });

  it('has a message that came again once, though it was numbered each time', () => {
    const of = counts({ lastNumber: 10, dispatched: 7, duplicates: 3, redelivered: 3 });
    expect(ledgerOf(of, 2, noRuns, [])).toMatchObject({ received: 9, dispatched: 7, inFlight: 2, beside: { redelivered: 3 } });
  });

  it('tells runs in flight from those that ended, and what stands beside the messages', () => {
    const gaps = [{ from: '2026-11-25T07:00:00.000Z', to: '2026-11-25T07:00:09.000Z', cause: 'lost' }];
    const ledger = ledgerOf(
      counts({ triggered: 9, redelivered: 2, oversize: 1 }),
      0,
      { succeeded: 4, failed: 2, deadLettered: 1, restarted: 3 },
      gaps,
    );
    expect(ledger.runs).toEqual({ triggered: 9, succeeded: 4, failed: 2, deadLettered: 1, inFlight: 2 });
    expect(ledger.beside).toEqual({ redelivered: 2, restarted: 3, oversize: 1, gaps });
  });

  it('of an application is the sum of its integrations', () => {
    expect(sumOf([counts({ lastNumber: 2, dispatched: 2 }), counts({ lastNumber: 3, unmatched: 3 })])).toEqual(
      counts({ lastNumber: 5, dispatched: 2, unmatched: 3 }),
    );
    expect(sumOf([])).toEqual(counts());
  });
});
