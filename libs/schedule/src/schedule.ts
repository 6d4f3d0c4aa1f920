import { Cron } from 'croner';

/** When a timer fires: every so many ms from an anchor on, or by a cron expression of 5 fields, or 6 with seconds first, in a time zone. */
export type Schedule = { readonly everyMs: number } | { readonly cron: string; readonly tz: string };

/** The fields of a timer trigger that say when (WORKFLOWS §2). */
interface TimerTrigger {
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
}

export interface ScheduleIssue {
  readonly field: 'seconds' | 'cron' | 'tz';
  readonly message: string;
}

/** What a trigger says; undefined: nothing, so it never fires. Where it has both kinds its `timerTypeSelect` decides. */
export function scheduleOf({ config = {}, meta = {} }: TimerTrigger): Schedule | undefined {
  const { seconds, cron, tz } = config;
  const interval = typeof seconds === 'number' ? { everyMs: seconds * 1_000 } : undefined;
  const calendar =
    typeof cron === 'string' && cron.trim() !== ''
      ? { cron: cron.trim(), tz: typeof tz === 'string' && tz !== '' ? tz : 'UTC' }
      : undefined;
  const { timerTypeSelect } = meta;
  return timerTypeSelect === 'cron' || timerTypeSelect === 'cronWeekly' ? (calendar ?? interval) : (interval ?? calendar);
}

const NICKNAMES: ReadonlySet<string> = new Set(['@yearly', '@monthly', '@weekly', '@daily', '@hourly']);
const MONTH_OR_DAY = /\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)\b/gi;

/** Why a schedule can't be kept; undefined: it can. */
export function scheduleIssue(schedule: Schedule, now: Date): ScheduleIssue | undefined {
  if ('everyMs' in schedule) return undefined;
  const { cron, tz } = schedule;
  if (!isTimeZone(tz)) return { field: 'tz', message: 'is no time zone of the IANA data base, as Europe/Berlin' };
  const fault = (message: string): ScheduleIssue => ({ field: 'cron', message });
  if (cron.startsWith('@')) return NICKNAMES.has(cron) ? undefined : fault(`must be one of ${[...NICKNAMES].join(', ')}, or 5 or 6 fields`);
  const foreign = /[^\d*,/\-\s]/.exec(cron.replaceAll(MONTH_OR_DAY, '0'));
  if (foreign !== null) return fault(`can not have ${JSON.stringify(foreign[0])}: numbers, names of months and days, * , - and / only`);
  try {
    return made(schedule).nextRun(now) === null ? fault('names no time that ever comes') : undefined;
  } catch (error) {
    return fault(`is no cron expression: ${error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)}`);
  }
}

/** The first firing after a time, both epoch ms; undefined: none comes. `anchor`: where an interval counts from, so that it is the same for everybody at any time. */
export function firingAfter(schedule: Schedule, anchor: number, after: number): number | undefined {
  if ('everyMs' in schedule) {
    const count = Math.max(1, Math.floor((after - anchor) / schedule.everyMs) + 1);
    const at = Math.round(anchor + count * schedule.everyMs);
    return at > after ? at : Math.round(anchor + (count + 1) * schedule.everyMs);
  }
  return made(schedule).nextRun(new Date(after))?.getTime();
}

/** Many timers say the same, and reading an expression costs more than all its firings of a day. */
const crons = new Map<string, Cron>();
const CRONS_KEPT = 1_000;

function made({ cron, tz }: Extract<Schedule, { cron: string }>): Cron {
  const name = `${tz} ${cron}`;
  let known = crons.get(name);
  if (known === undefined) {
    known = new Cron(cron, { timezone: tz, mode: '5-or-6-parts', sloppyRanges: true, paused: true });
    if (crons.size >= CRONS_KEPT) crons.clear();
    crons.set(name, known);
  }
  return known;
}

function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
