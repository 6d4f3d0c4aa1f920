import type { Budget } from './budget.ts';
import { TemplateError } from './error.ts';
import { MAX_DEPTH } from './limits.ts';

/** A property of its own, never one of a prototype; of a string its characters and length. */
export function own(value: unknown, key: string): unknown {
  if (typeof value === 'string') {
    if (key === 'length') return value.length;
    return /^(0|[1-9]\d{0,9})$/.test(key) ? value[Number(key)] : undefined;
  }
  if (typeof value !== 'object' || value === null || key === '__proto__' || !Object.hasOwn(value, key)) return undefined;
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'function' ? undefined : found;
}

/** An object without a prototype, for what helpers build: no key can reach one. */
export const emptyObject = (): Record<string, unknown> => Object.create(null) as Record<string, unknown>;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** As JavaScript writes dates, always in UTC: what comes out doesn't depend on the machine. */
function dateText(date: Date): string {
  if (Number.isNaN(date.getTime())) return 'Invalid Date';
  const day = `${DAYS[date.getUTCDay()] ?? ''} ${MONTHS[date.getUTCMonth()] ?? ''} ${pad(date.getUTCDate())} ${pad(date.getUTCFullYear(), 4)}`;
  return `${day} ${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())} GMT+0000 (Coordinated Universal Time)`;
}

/** Undefined and null → '', lists comma-joined, objects [object Object]. Never calls a method of the value. */
export function toText(value: unknown, budget: Budget, depth = 0): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return '';
  if (value instanceof Date) return dateText(value);
  return Array.isArray(value) ? joinText(value, ',', budget, depth + 1) : '[object Object]';
}

/** The entries as text with a separator between them. */
export function joinText(list: readonly unknown[], separator: string, budget: Budget, depth = 0): string {
  if (depth > MAX_DEPTH) throw new TemplateError('limit', `a list is nested deeper than ${MAX_DEPTH}`);
  let text = '';
  for (let i = 0; i < list.length; i++) {
    budget.spend(1);
    if (i > 0) text += separator;
    text += toText(list[i], budget, depth);
    budget.fits(text.length);
  }
  return text;
}

/** As JavaScript's Number(), without calling a method of the value: lists and objects are NaN, dates epoch ms. */
export function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value instanceof Date) return value.getTime();
  return typeof value === 'object' && value !== null
    ? Number.NaN
    : typeof value === 'symbol' || typeof value === 'function'
      ? Number.NaN
      : Number(value);
}

/** What `if`, `unless`, `with` and sections take for nothing: falsy values and the empty list. */
export const isEmpty = (value: unknown): boolean => !value || (Array.isArray(value) && value.length === 0);

/** Entries of a list, keys of an object, characters of a string; otherwise undefined. */
export function lengthOf(value: unknown): number | undefined {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : undefined;
}

/** `===`, and two dates of the same instant are the same. */
export const same = (a: unknown, b: unknown): boolean => (a instanceof Date && b instanceof Date ? a.getTime() === b.getTime() : a === b);

/** A list has it as an entry, an object as a value, a string as a part. */
export function includes(collection: unknown, value: unknown, budget: Budget): boolean {
  if (typeof collection === 'string') return collection.includes(toText(value, budget));
  if (Array.isArray(collection)) return collection.some((entry) => same(entry, value));
  if (!isObject(collection)) return false;
  const values = Object.values(collection);
  budget.look(values);
  return values.some((entry) => same(entry, value));
}

/** By JavaScript's rules for `<` and the like: two strings by their characters, everything else as numbers. */
export function compare(a: unknown, b: unknown): -1 | 0 | 1 | undefined {
  const [left, right] = typeof a === 'string' && typeof b === 'string' ? [a, b] : [toNumber(a), toNumber(b)];
  if (left < right) return -1;
  if (left > right) return 1;
  return left === right ? 0 : undefined;
}
