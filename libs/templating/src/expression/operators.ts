import type { Budget } from '../budget.ts';
import { compare, same, toNumber, toText } from '../values.ts';

/** Left and right binding power of the binary operators; `^` is power and binds to the right, tighter than a sign before it. */
export const BINDING: Readonly<Record<string, readonly [left: number, right: number]>> = {
  '||': [2, 3],
  '&&': [4, 5],
  '==': [6, 7],
  '!=': [6, 7],
  '===': [6, 7],
  '!==': [6, 7],
  '<': [8, 9],
  '>': [8, 9],
  '<=': [8, 9],
  '>=': [8, 9],
  '<<': [10, 11],
  '>>': [10, 11],
  '+': [12, 13],
  '-': [12, 13],
  '*': [14, 15],
  '/': [14, 15],
  '%': [14, 15],
  '^': [19, 18],
};

/** How tight `! - +` hold what follows: looser than `^`. */
export const PREFIX_BINDING = 16;

const isText = (value: unknown): boolean =>
  typeof value === 'string' || value instanceof Date || (typeof value === 'object' && value !== null);

/** As JavaScript's `==` between primitives, of which null and undefined are equal; a date is its epoch ms; lists and objects only equal themselves. */
function looseEqual(a: unknown, b: unknown): boolean {
  if (same(a, b)) return true;
  if (a === null || a === undefined || b === null || b === undefined) return (a ?? null) === (b ?? null);
  if ((typeof a === 'object' && !(a instanceof Date)) || (typeof b === 'object' && !(b instanceof Date))) return false;
  return typeof a !== typeof b && toNumber(a) === toNumber(b);
}

function ordered(a: unknown, b: unknown, holds: (order: -1 | 0 | 1) => boolean): boolean {
  const order = compare(a, b);
  return order !== undefined && holds(order);
}

type Operator = (a: unknown, b: unknown, budget: Budget) => unknown;

const onNumbers =
  (calculate: (a: number, b: number) => number): Operator =>
  (a, b) =>
    calculate(toNumber(a), toNumber(b));

/** The operators whose both sides are always evaluated. JavaScript's meaning, without calling a method of a value. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  '==': looseEqual,
  '!=': (a, b) => !looseEqual(a, b),
  '===': same,
  '!==': (a, b) => !same(a, b),
  '<': (a, b) => ordered(a, b, (order) => order < 0),
  '>': (a, b) => ordered(a, b, (order) => order > 0),
  '<=': (a, b) => ordered(a, b, (order) => order <= 0),
  '>=': (a, b) => ordered(a, b, (order) => order >= 0),
  '<<': onNumbers((a, b) => a << b),
  '>>': onNumbers((a, b) => a >> b),
  '+': (a, b, budget) => {
    if (!isText(a) && !isText(b)) return toNumber(a) + toNumber(b);
    const [left, right] = [spoken(a, budget), spoken(b, budget)];
    budget.fits(left.length + right.length);
    budget.spend((left.length + right.length) / 256);
    return left + right;
  },
  '-': onNumbers((a, b) => a - b),
  '*': onNumbers((a, b) => a * b),
  '/': onNumbers((a, b) => a / b),
  '%': onNumbers((a, b) => a % b),
  '^': onNumbers((a, b) => a ** b),
};

/** As JavaScript joins text: nothing has a name of its own there. */
const spoken = (value: unknown, budget: Budget): string => (value === undefined || value === null ? String(value) : toText(value, budget));
