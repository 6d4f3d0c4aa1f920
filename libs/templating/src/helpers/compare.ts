import type { Budget } from '../budget.ts';
import { matches } from '../regex/match.ts';
import { compare, includes, same, toText } from '../values.ts';

type Comparison = (args: readonly unknown[], budget: Budget) => boolean;

/** By JavaScript's `<`; what can't be compared (NaN, undefined) is never in order. */
const ordered =
  (...wanted: readonly (-1 | 0 | 1)[]): Comparison =>
  ([a, b]) => {
    const order = compare(a, b);
    return order !== undefined && wanted.includes(order);
  };

/**
 * What two values can be asked, as a block and inline. `eq` and `ne` are JavaScript's `===` and `!==`: the text "5" of a message is not the number 5 (two dates
 * are equal when they are the same instant). The others compare two strings by their characters and everything else as numbers.
 */
export const COMPARISONS: Readonly<Record<string, Comparison>> = {
  eq: ([a, b]) => same(a, b),
  ne: ([a, b]) => !same(a, b),
  gt: ordered(1),
  gte: ordered(0, 1),
  lt: ordered(-1),
  lte: ordered(-1, 0),
  match: ([subject, pattern], budget) => matches(toText(pattern, budget), toText(subject, budget), budget),
  includes: ([collection, value], budget) => includes(collection, value, budget),
};
