import { format as formatNumber, formatSpecifier } from 'd3-format';
import moment from 'moment-timezone';
import type { Budget } from '../budget.ts';
import { TemplateError } from '../error.ts';
import { isObject, toText } from '../values.ts';
import { encodeJson } from './encoding.ts';
import { LOCALES } from './locales.ts';
import type { HashValues, HelperCall, InlineHelper } from './types.ts';

/** Longest format, in characters, and widest padding of a number. */
const MAX_FORMAT = 256;
const MAX_WIDTH = 256;
const DEFAULT_NUMBER = ',.6';
const DEFAULT_DATE = 'L LTS';

const zones: ReadonlySet<string> = new Set(moment.tz.names().map((name) => name.toLowerCase()));

/** Whether there is a time zone of this IANA name. */
export const isTimeZone = (name: string): boolean => zones.has(name.toLowerCase());

/** A date, epoch milliseconds (also as text), ISO 8601, or what Date.parse reads. Undefined for nothing at all. */
function toMoment(value: unknown): moment.Moment | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (value instanceof Date) return moment.utc(value.getTime());
  if (typeof value === 'number') return moment.utc(value);
  if (typeof value !== 'string' || value.length > 64) return moment.invalid();
  if (/^-?\d{5,16}$/.test(value)) return moment.utc(Number(value));
  const iso = moment.utc(value, moment.ISO_8601, true);
  return iso.isValid() ? iso : moment.utc(Date.parse(value));
}

function localised(date: moment.Moment, { tz, locale }: HashValues): moment.Moment {
  if (typeof locale === 'string' && LOCALES.has(locale.toLowerCase())) date.locale(locale.toLowerCase());
  if (tz === undefined || tz === null || tz === '') return date;
  if (typeof tz !== 'string' || !isTimeZone(tz)) throw new TemplateError('syntax', 'tz is no IANA time zone');
  return date.tz(tz);
}

function formatOf(value: unknown, fallback: string, budget: Budget): string {
  const text = value === undefined || value === null || value === '' ? fallback : toText(value, budget);
  if (text.length > MAX_FORMAT) throw new TemplateError('limit', `a format is longer than ${MAX_FORMAT} characters`);
  return text;
}

function formatDate(date: moment.Moment | undefined, format: string, hash: HashValues): string {
  if (date === undefined) return '';
  return date.isValid() ? localised(date, hash).format(format) : 'Invalid date';
}

/** Undefined when the format is none of D3's. */
function formatByD3(value: number, format: string): string | undefined {
  let width: number | undefined;
  try {
    ({ width } = formatSpecifier(format));
  } catch {
    return undefined; // D3 says only that it isn't one
  }
  if (width !== undefined && width > MAX_WIDTH)
    throw new TemplateError('limit', `a number format pads to more than ${MAX_WIDTH} characters`);
  return formatNumber(format)(value);
}

const looksNumeric = (value: string): boolean => value.length <= 64 && value.trim() !== '' && Number.isFinite(Number(value));

/** Numbers (also as text) by a D3 format, dates by a Moment format; a number whose format isn't D3's is taken for epoch milliseconds. Objects are JSON. */
function format([value, wanted]: readonly unknown[], hash: HashValues, { budget }: HelperCall): string {
  if (isObject(value) || Array.isArray(value)) return encodeJson(value, budget);
  const isNumber = typeof value === 'number' || (typeof value === 'string' && looksNumeric(value));
  if (isNumber) {
    const text = formatByD3(Number(value), formatOf(wanted, DEFAULT_NUMBER, budget));
    if (text !== undefined) return text;
  }
  const date = typeof value === 'boolean' ? undefined : toMoment(value);
  if (date === undefined || !date.isValid()) return toText(value, budget);
  return formatDate(date, formatOf(wanted, DEFAULT_DATE, budget), hash);
}

function relative([value, to]: readonly unknown[], hash: HashValues, { now }: HelperCall): string {
  const date = toMoment(value);
  if (date === undefined) return '';
  const reference = toMoment(to) ?? moment.utc(now);
  return date.isValid() && reference.isValid() ? localised(date, { locale: hash['locale'] }).from(reference) : 'Invalid date';
}

export const DATES: Readonly<Record<string, InlineHelper>> = {
  format,
  /** Moment's tokens; tz (default UTC) and locale (default English) as hash arguments. 'Invalid date' for what is none, '' for nothing. */
  formatDate: ([value, wanted], hash, { budget }) => formatDate(toMoment(value), formatOf(wanted, DEFAULT_DATE, budget), hash),
  formatDateRelative: relative,
  /** Without a format in ISO 8601. */
  currentDateTime: ([wanted], hash, { now, budget }) => formatDate(moment.utc(now), formatOf(wanted, '', budget), hash),
};
