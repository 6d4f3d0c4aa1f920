import { joinText, lengthOf, toNumber, toText } from '../values.ts';
import type { HelperCall, InlineHelper } from './types.ts';

const onText =
  (change: (text: string) => string): InlineHelper =>
  ([value], _hash, { budget }) => {
    const text = toText(value, budget);
    budget.look(text);
    return change(text);
  };

/** Losant's type names: those of `typeof`, and `null`, `array` and `date`. */
const typeName = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return value instanceof Date ? 'date' : typeof value;
};

function substring([value, start, end]: readonly unknown[], budget: HelperCall['budget']): string {
  const from = toNumber(start ?? 0);
  return toText(value, budget).slice(from, end === undefined || end === null ? undefined : toNumber(end));
}

export const TEXT: Readonly<Record<string, InlineHelper>> = {
  upper: onText((text) => text.toUpperCase()),
  lower: onText((text) => text.toLowerCase()),
  /** First letter of each word in capitals, the others small; words end at white space. */
  titleCase: ([value], _hash, { budget }) => {
    const text = toText(value, budget).toLowerCase();
    budget.spend(text.length / 16); // a call for each word
    return text.replaceAll(/(^|\s)(\S)/gu, (_, before: string, first: string) => before + first.toUpperCase());
  },
  trim: onText((text) => text.trim()),
  typeof: ([value]) => typeName(value),
  length: ([value]) => lengthOf(value),
  /** As String.slice: negative places count from the end. */
  substring: (args, _hash, { budget }) => substring(args, budget),
  join: ([list, separator], _hash, { budget }) => {
    if (!Array.isArray(list)) return toText(list, budget);
    return joinText(list, separator === undefined || separator === null ? ',' : toText(separator, budget), budget);
  },
  /** The fallback for undefined, null and ''. */
  defaultTo: ([value, fallback]) => (value === undefined || value === null || value === '' ? fallback : value),
};
