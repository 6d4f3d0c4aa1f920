import { expect, it } from 'vitest';
import { firingAfter, scheduleIssue, scheduleOf } from './index.ts';

const NOW = Date.parse('2026-03-29T00:30:00.000Z');
const issue = (cron: string, tz = 'UTC') => scheduleIssue({ cron, tz }, new Date(NOW));
const next = (cron: string, tz = 'UTC', after = NOW) => {
  const at = firingAfter({ cron, tz }, 0, after);
  return at === undefined ? undefined : new Date(at).toISOString();
};

it('fires an interval at the same times for whoever asks, whenever', () => {
  const every = { everyMs: 1_500 };
  expect(firingAfter(every, 1_000, 1_000)).toBe(2_500);
  expect(firingAfter(every, 1_000, 2_499)).toBe(2_500);
  expect(firingAfter(every, 1_000, 2_500)).toBe(4_000);
  expect(firingAfter(every, 1_000, 0)).toBe(2_500); // a clock behind the one that made it
  expect(firingAfter(every, 1_000, 1_500_000_000_000)).toBe(1_500_000_001_000);
  const odd = { everyMs: 1_000.3 };
  for (let at = firingAfter(odd, 0, 0) ?? 0, count = 1; count < 2_000; count++) {
    expect(at).toBe(Math.round(count * 1_000.3));
    at = firingAfter(odd, 0, at) ?? 0;
  }
});

it('fires by cron in its time zone, also on the day that has an hour less', () => {
  expect(next('*/15 * * * *')).toBe('2026-03-29T00:45:00.000Z');
  expect(next('30 */15 * * * *')).toBe('2026-03-29T00:30:30.000Z');
  expect(next('0 9 * * MON-FRI', 'Europe/Berlin')).toBe('2026-03-30T07:00:00.000Z');
  expect(next('30 2 * * *', 'Europe/Berlin')).toBe('2026-03-29T01:00:00.000Z');
  expect(next('@daily', 'America/New_York')).toBe('2026-03-29T04:00:00.000Z');
  expect(next('0 0 1 JUL *')).toBe('2026-07-01T00:00:00.000Z');
});

it.each(['* * * * *', '0 0 0 29 2 *', '@yearly', '@monthly', '@weekly', '@daily', '@hourly', '0 8 * jan,JUL Wed', '5/15 * * * *'])(
  'takes %s',
  (cron) => {
    expect(issue(cron)).toBeUndefined();
  },
);

it.each([
  ['0 0 L * *', /can not have "L"/],
  ['0 0 15W * *', /can not have "W"/],
  ['0 0 * * FRI#2', /can not have "#"/],
  ['0 0 ? * *', /can not have "\?"/],
  ['0 0 * * FRIL', /can not have "F"/],
  ['@reboot', /must be one of @yearly/],
  ['@annually', /must be one of @yearly/],
  ['* * * *', /is no cron expression/],
  ['* * * * * * *', /is no cron expression/],
  ['61 * * * *', /is no cron expression: Invalid value for minute: 61/],
  ['0 0 30 2 *', /names no time that ever comes/],
])('refuses %s', (cron, message) => {
  expect(issue(cron)).toMatchObject({ field: 'cron', message: expect.stringMatching(message) as string });
});

it('refuses a time zone that there is not', () => {
  expect(issue('* * * * *', 'Mars/Base')).toMatchObject({ field: 'tz' });
  expect(issue('* * * * *', 'Europe/Berlin')).toBeUndefined();
});

it('takes from a trigger what it says last', () => {
  const both = { seconds: 2.5, cron: '* * * * *', tz: 'Asia/Tokyo' };
  expect(scheduleOf({ config: both })).toEqual({ everyMs: 2_500 });
  expect(scheduleOf({ config: both, meta: { timerTypeSelect: 'cronWeekly' } })).toEqual({ cron: '* * * * *', tz: 'Asia/Tokyo' });
  expect(scheduleOf({ config: { cron: ' @hourly ' } })).toEqual({ cron: '@hourly', tz: 'UTC' });
  expect(scheduleOf({ config: { cron: '' } })).toBeUndefined();
  expect(scheduleOf({})).toBeUndefined();
});
