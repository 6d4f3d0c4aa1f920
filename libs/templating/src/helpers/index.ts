import type { Expression } from '../ast.ts';
import { TemplateError } from '../error.ts';
import { checkPattern } from '../regex/match.ts';
import { COLLECTIONS } from './collections.ts';
import { COMPARISONS } from './compare.ts';
import { DATES } from './dates.ts';
import { ENCODING } from './encoding.ts';
import { GPS } from './gps.ts';
import { HTML } from './html.ts';
import { MATH } from './math.ts';
import { NESTED } from './nested.ts';
import { TEXT } from './text.ts';
import type { InlineHelper } from './types.ts';

/** Every inline helper there is, the comparisons among them: `{{#if (eq a b)}}`. */
export const HELPERS: Readonly<Record<string, InlineHelper>> = {
  ...MATH,
  ...TEXT,
  ...ENCODING,
  ...DATES,
  ...COLLECTIONS,
  ...GPS,
  ...HTML,
  ...NESTED,
  ...Object.fromEntries(
    Object.entries(COMPARISONS).map(([name, holds]): [string, InlineHelper] => [name, (args, _hash, { budget }) => holds(args, budget)]),
  ),
};

/** What is wrong with arguments that are known before anything is rendered: a pattern that `match` can't run. */
export function checkLiterals(name: string, params: readonly Expression[]): string | undefined {
  const pattern = name === 'match' ? params[1] : undefined;
  if (pattern?.kind !== 'literal') return undefined;
  try {
    checkPattern(String(pattern.value));
  } catch (thrown) {
    if (thrown instanceof TemplateError) return `can't use its pattern: ${thrown.message}`;
    throw thrown;
  }
  return undefined;
}
