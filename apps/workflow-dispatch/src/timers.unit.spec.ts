import { partitionOf } from '#lib/contracts';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { APPLICATION, workflow, WORKFLOW } from '../../../test/builders/runs.ts';
import { Heap } from './heap.ts';
import { TimerBook } from './timer-book.ts';
import { type Firing, Timers } from './timers.ts';

const BORN = Date.parse('2026-01-01T00:00:00.000Z');
const PARTITION = partitionOf(APPLICATION);
let fired: Firing[];
let timers: Timers;

beforeEach(() => {
  vi.useFakeTimers({ now: BORN });
  fired = [];
  timers = new Timers((firing) => fired.push(firing));
});
afterEach(() => {
  timers.end();
  vi.useRealTimers();
});

const set = (configs: Record<string, Record<string, unknown>>, enabled = true, id = WORKFLOW): void => {
  const triggers = Object.entries(configs).map(([key, config]) => ({ type: 'timer', key, config }));
  timers.apply(APPLICATION, id, workflow([], { id, triggers, enabled, creationDate: new Date(BORN).toISOString() }));
};
const instants = (key: string): number[] => fired.flatMap((firing) => (firing.key === key ? [(firing.at - BORN) / 1_000] : []));

it('fires what it holds when it is due, by interval and by cron', () => {
  set({ second: { seconds: 1.5 }, minute: { cron: '* * * * *' }, never: {} });
  vi.advanceTimersByTime(10_000);
  expect(fired).toEqual([]);
  timers.take([PARTITION]);
  vi.advanceTimersByTime(6_000);
  expect(instants('second')).toEqual([10.5, 12, 13.5, 15]);
  vi.advanceTimersByTime(110_000);
  expect(instants('minute')).toEqual([60, 120]);
  timers.forget([PARTITION]);
  const before = fired.length;
  vi.advanceTimersByTime(600_000);
  expect(fired).toHaveLength(before);
});

it('fires a holder-independent instant: two holders say the same', () => {
  const second: Firing[] = [];
  const other = new Timers((firing) => second.push(firing));
  const state = workflow([], {
    triggers: [{ type: 'timer', key: 'k', config: { seconds: 7 } }],
    creationDate: new Date(BORN).toISOString(),
  });
  timers.apply(APPLICATION, WORKFLOW, state);
  timers.take([PARTITION]);
  vi.advanceTimersByTime(3_333);
  other.apply(APPLICATION, WORKFLOW, state);
  other.take([PARTITION]);
  vi.advanceTimersByTime(20_000);
  expect(second).toEqual(fired);
  expect(instants('k')).toEqual([7, 14, 21]);
  other.end();
});

it('follows a workflow that is changed, switched off, and deleted', () => {
  timers.take([PARTITION]);
  set({ a: { seconds: 10 } });
  vi.advanceTimersByTime(10_000);
  set({ b: { seconds: 4 } });
  vi.advanceTimersByTime(10_000);
  set({ b: { seconds: 4 } }, false);
  vi.advanceTimersByTime(10_000);
  set({ b: { seconds: 4 } });
  vi.advanceTimersByTime(3_000);
  timers.apply(APPLICATION, WORKFLOW, null);
  vi.advanceTimersByTime(60_000);
  expect(instants('a')).toEqual([10]);
  expect(instants('b')).toEqual([12, 16, 20, 32]);
});

it('loses what was due while the machine slept, and goes on in step', () => {
  timers.take([PARTITION]);
  set({ a: { seconds: 10 } });
  vi.advanceTimersByTime(10_000);
  vi.setSystemTime(BORN + 3_603_000);
  vi.advanceTimersByTime(20_000);
  expect(instants('a')).toEqual([10, 3_620]);
});

it('waits with one timer however many are idle, and after any number of changes', () => {
  timers.take([PARTITION]);
  for (let n = 0; n < 2_000; n++) set({ year: { seconds: 31_536_000 } }, true, n.toString(16).padStart(24, '0'));
  for (let n = 0; n < 2_000; n++) set({ a: { seconds: 86_400 } }, true, WORKFLOW);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(86_400_000);
  expect(instants('a')).toEqual([86_400]);
});

it('does not fire what was stored before it was checked', () => {
  timers.take([PARTITION]);
  set({ a: { cron: '0 0 L * *' }, b: { cron: '* * * * *', tz: 'Mars/Base' } });
  vi.advanceTimersByTime(300_000);
  expect(fired).toEqual([]);
});

it('a heap gives the first, whatever the order they came in', () => {
  const heap = new Heap<number>((a, b) => a < b);
  const numbers = Array.from({ length: 500 }, (_, index) => (index * 7_919) % 503);
  for (const number of numbers) heap.push(number);
  const out: number[] = [];
  for (let first = heap.first; first !== undefined; first = heap.first) {
    out.push(first);
    heap.pop();
  }
  expect(out).toEqual(numbers.toSorted((a, b) => a - b));
});

it('a book forgets the timers that were idle longest, never those of the last day', () => {
  const book = new TimerBook();
  const DAY = 86_400_000;
  for (let n = 1; n <= 3_000; n++) book.take(`t${n}`, n);
  expect(book.take('t1', 1)).toBe(false);
  for (let n = 1; n <= 1_500; n++) book.take(`u${n}`, 2 * DAY + n);
  expect(book.take('u1', 2 * DAY + 1)).toBe(false);
  expect(book.take('t1', 1)).toBe(true);
});
