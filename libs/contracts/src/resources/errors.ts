import type { z } from 'zod';
import type { ApiError } from '../operations.ts';

/** Something wrong with one field: where it stands and what to change. Never carries the value that was sent. */
export interface FieldIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Errors of one answer are listed up to here; the rest is only counted. */
const MAX_ERRORS = 50;
/** A property name sent by a caller is cut here, so that an error stays readable and small. */
const MAX_KEY = 64;

const printable = (key: string): string => {
  const clean = key.replaceAll(/\p{Cc}/gu, '?');
  return clean.length > MAX_KEY ? `${clean.slice(0, MAX_KEY)}…` : clean;
};

/** `triggers[0].config.message`; a key that isn't a plain name stands in brackets. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else {
      const key = printable(String(part));
      text += /^[\w$-]+$/.test(key) ? (text === '' ? key : `.${key}`) : `["${key}"]`;
    }
  }
  return text;
}

type Issue = z.core.$ZodIssue;

const TYPES: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

const ZODS_OWN = /^(Invalid|Too |Unrecognized)/;

/** A schema's own words stand as they are; zod's, which only name types, limits and options of the schema, are put into ours. */
function messageOf(issue: Issue): string {
  if (!ZODS_OWN.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_type') {
    const expected = TYPES[issue.expected] ?? issue.expected;
    return issue.input === undefined && issue.message.endsWith('undefined') ? 'is required' : `must be ${expected}`;
  }
  if (issue.code === 'too_small') {
    const { minimum, origin } = issue;
    if (origin === 'string') return minimum === 1 ? 'must not be blank' : `must have at least ${minimum} characters`;
    if (origin === 'array') return `must have at least ${minimum} entries`;
    return `must be at least ${minimum}`;
  }
  if (issue.code === 'too_big') {
    const { maximum, origin } = issue;
    if (origin === 'string') return `must have at most ${maximum} characters`;
    if (origin === 'array') return `must have at most ${maximum} entries`;
    return `must be at most ${maximum}`;
  }
  if (issue.code === 'invalid_value') return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_format') {
    if (issue.format === 'datetime') return 'must be a date and time in ISO 8601, as 2026-01-31T12:00:00.000Z';
    return 'has the wrong format';
  }
  return 'has the wrong form';
}

/** Of the alternatives of a union, the one that got furthest says best what is wrong. */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const depth = (issues: readonly Issue[]): number => Math.max(0, ...issues.map((issue) => issue.path.length));
  const wrongType = (issues: readonly Issue[]): number =>
    issues.some(
      (issue) =>
        (issue.code === 'invalid_type' && issue.path.length === 0) || (issue.code === 'invalid_union' && issue.errors.length === 0),
    )
      ? 1
      : 0;
  return [...branches].sort((a, b) => wrongType(a) - wrongType(b) || depth(b) - depth(a) || a.length - b.length)[0] ?? [];
}

function flatten(issues: readonly Issue[], prefix: readonly PropertyKey[], into: FieldIssue[]): void {
  for (const issue of issues) {
    const path = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys) into.push({ path: toPath([...path, key]), message: 'is not a known property' });
    else if (issue.code === 'invalid_union' && issue.errors.length > 0) flatten(bestBranch(issue.errors), path, into);
    else if (issue.code === 'invalid_key') into.push({ path: toPath(path), message: issue.issues[0]?.message ?? 'is not a valid key' });
    else into.push({ path: toPath(path), message: messageOf(issue) });
  }
}

const toPath = (path: readonly PropertyKey[]): (string | number)[] => path.map((part) => (typeof part === 'symbol' ? String(part) : part));

/** The issues of a failed parse, one a field, below `prefix`. */
export function issuesOf(error: z.ZodError, prefix: readonly (string | number)[] = []): FieldIssue[] {
  const issues: FieldIssue[] = [];
  flatten(error.issues, prefix, issues);
  return issues;
}

/** The 400 of the API: `message` names the first field, `errors` all of them. No value that was sent is repeated. */
export function validationError(issues: readonly FieldIssue[]): ApiError {
  const errors = issues.slice(0, MAX_ERRORS).map(({ path, message }) => ({ path: formatPath(path), message }));
  const first = errors[0] ?? { path: '', message: 'is not valid' };
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return { type: 'Validation', message: `${first.path === '' ? 'The body' : first.path} ${first.message}${more}`, errors };
}

/** {@link validationError} of a failed parse. */
export const issuesToApiError = (error: z.ZodError, prefix: readonly (string | number)[] = []): ApiError =>
  validationError(issuesOf(error, prefix));
