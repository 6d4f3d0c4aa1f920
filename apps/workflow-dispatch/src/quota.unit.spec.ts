import { describe, expect, it } from 'vitest';
import { type Period, periodOf, PERIODS_KEPT, QuotaBook } from './quota.ts';

const APP = 'a';
const hour = (n: number): Period => periodOf('hour', Date.UTC(2026, 10, 25, n));
const used = (book: QuotaBook, period: Period, allowance: number): number => {
  let count = 0;
  while (book.take(APP, period, allowance).allowed) count++;
  return count;
};

describe('a quota period', () => {
  it.each([
    ['month', '2026-11-30T23:59:59.999Z', 'month:2026-11', '2026-11-01T00:00:00.000Z'],
    ['month', '2026-12-01T00:00:00.000Z', 'month:2026-12', '2026-12-01T00:00:00.000Z'],
    ['day', '2024-02-29T23:59:59.999Z', 'day:2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['hour', '2026-11-25T07:59:59.999Z', 'hour:2026-11-25T07', '2026-11-25T07:00:00.000Z'],
    ['hour', '2026-11-25T08:00:00.000Z', 'hour:2026-11-25T08', '2026-11-25T08:00:00.000Z'],
  ] as const)('of a %s has the UTC bounds of %s', (kind, time, key, started) => {
    expect(periodOf(kind, Date.parse(time))).toEqual({ key, started: new Date(started) });
  });
});

describe('a quota book', () => {
  it('allows exactly the allowance in each period, and names the first refusal of each', () => {
    const book = new QuotaBook();
    for (const period of [hour(7), hour(8)]) {
      const taken = Array.from({ length: 5 }, () => book.take(APP, period, 3));
      expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, false, false]);
      expect(taken.map(({ first }) => first)).toEqual([false, false, false, true, false]);
      expect(taken.every((one) => one.period === period)).toBe(true);
    }
  });

  it('counts each application alone', () => {
    const book = new QuotaBook();
    expect(used(book, hour(7), 2)).toBe(2);
    expect(book.take('b', hour(7), 2).allowed).toBe(true);
  });

  it('has no limit at 0, and charges what was decided before beyond any limit', () => {
    const book = new QuotaBook();
    for (let n = 0; n < 10; n++) expect(book.take(APP, hour(7), 0).allowed).toBe(true);
    expect(book.take(APP, hour(7), 10)).toMatchObject({ allowed: false, first: true });
  });

  it('goes on from what was committed, refusals too', () => {
    const book = new QuotaBook();
    book.load([{ applicationId: APP, ...hour(7), used: 4, refused: 0 }]);
    expect(book.take(APP, hour(7), 5).allowed).toBe(true);
    const later = new QuotaBook();
    later.load([{ applicationId: APP, ...hour(7), used: 5, refused: 1 }]);
    expect(later.take(APP, hour(7), 5)).toMatchObject({ allowed: false, first: false });
  });

  it('keeps counting a day while hours were counted before it, when the plan changed', () => {
    const book = new QuotaBook();
    for (let n = 0; n < 6; n++) book.take(APP, hour(n), 10);
    const day = periodOf('day', Date.UTC(2026, 10, 25, 6));
    expect(used(book, day, 3)).toBe(3);
    expect(book.take(APP, day, 3).allowed).toBe(false);
  });

  it('counts what comes late in its own period, and in the oldest it remembers before that', () => {
    const book = new QuotaBook();
    for (let n = 0; n <= PERIODS_KEPT; n++) expect(used(book, hour(n), 2)).toBe(2);
    const oldest = hour(1);
    expect(book.take(APP, oldest, 2).allowed).toBe(false);
    expect(book.take(APP, hour(0), 2)).toMatchObject({ allowed: false, period: { key: oldest.key } });
    expect(book.take(APP, hour(PERIODS_KEPT), 2).allowed).toBe(false);
  });

  it('comes to the same after a take-over from what it had committed at any moment', () => {
    const messages = Array.from({ length: 60 }, (_, n) => hour((n * 7) % 6));
    const whole = new QuotaBook();
    const decisions = messages.map((period) => whole.take(APP, period, 4).allowed);
    const rows = new Map<string, { period: Period; used: number; refused: number }>();
    const before = new QuotaBook();
    for (const period of messages.slice(0, 31)) {
      const taken = before.take(APP, period, 4);
      const row = rows.get(taken.period.key) ?? { period: taken.period, used: 0, refused: 0 };
      row[taken.allowed ? 'used' : 'refused']++;
      rows.set(taken.period.key, row);
    }
    const newest = [...rows.values()].sort((a, b) => +b.period.started - +a.period.started).slice(0, PERIODS_KEPT);
    const after = new QuotaBook();
    after.load(newest.map(({ period, ...counts }) => ({ applicationId: APP, ...period, ...counts })));
    expect(messages.slice(31).map((period) => after.take(APP, period, 4).allowed)).toEqual(decisions.slice(31));
  });
});
