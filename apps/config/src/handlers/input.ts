import { type FieldIssue, issuesOf, parseQuery } from '#lib/contracts';
import type { z } from 'zod';
import { invalid } from './failure.ts';

/** How deep a body may nest: deeper than anything a person builds, shallower than what PostgreSQL and JSON readers take. */
const MAX_DEPTH = 100;
const MAX_ISSUES = 10;

/** What JSON can say and PostgreSQL can't keep: NUL and halves of surrogate pairs; and what is nested too deep. */
function storableIssues(value: unknown, path: (string | number)[], issues: FieldIssue[]): void {
  if (issues.length >= MAX_ISSUES) return;
  if (typeof value === 'string') {
    if (value.includes('\0') || /\p{Surrogate}/u.test(value))
      issues.push({ path, message: 'has characters that are no text (NUL, or half a character)' });
  } else if (typeof value === 'object' && value !== null) {
    if (path.length >= MAX_DEPTH) return void issues.push({ path: path.slice(0, 3), message: `is nested deeper than ${MAX_DEPTH} levels` });
    if (Array.isArray(value)) value.forEach((entry, index) => storableIssues(entry, [...path, index], issues));
    else
      for (const [key, entry] of Object.entries(value)) {
        // No property of anything of ours; a program that copies it carelessly is taken over by it.
        if (key === '__proto__') issues.push({ path: [...path, key], message: 'is not a known property' });
        storableIssues(key, path, issues);
        storableIssues(entry, [...path, key], issues);
      }
  }
}

/** The body by its schema; a 400 that names the fields otherwise. */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const issues: FieldIssue[] = [];
  storableIssues(input, [], issues);
  if (issues.length > 0) throw invalid(issues);
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw invalid(issuesOf(parsed.error));
  return parsed.data;
}

export function parseParams<S extends z.ZodObject>(schema: S, params: Readonly<Record<string, unknown>>): z.output<S> {
  const parsed = parseQuery(schema, params);
  if (!parsed.success) throw invalid(issuesOf(parsed.error));
  return parsed.data;
}
