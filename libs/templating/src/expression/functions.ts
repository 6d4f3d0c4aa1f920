import type { Budget } from '../budget.ts';
import { includes, lengthOf, toNumber } from '../values.ts';

export interface ExpressionFunction {
  readonly min: number;
  readonly max: number;
  readonly run: (args: readonly unknown[], budget: Budget) => unknown;
}

const numeric = (count: number, calculate: (...numbers: number[]) => number): ExpressionFunction => ({
  min: count,
  max: count,
  run: (args) => calculate(...args.map(toNumber)),
});

const ONE = [
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'sqrt',
  'exp',
  'log',
  'log10',
  'abs',
  'ceil',
  'floor',
  'round',
  'trunc',
] as const;

const MANY = 1_000;

/** Every function of expressions; Math's work on Number() of their arguments, angles in radians. */
export const FUNCTIONS: Readonly<Record<string, ExpressionFunction>> = {
  ...Object.fromEntries(ONE.map((name): [string, ExpressionFunction] => [name, numeric(1, Math[name])])),
  atan2: numeric(2, Math.atan2),
  pow: numeric(2, Math.pow),
  max: { min: 1, max: MANY, run: (args) => Math.max(...args.map(toNumber)) },
  min: { min: 1, max: MANY, run: (args) => Math.min(...args.map(toNumber)) },
  length: { min: 1, max: 1, run: ([value]) => lengthOf(value) },
  includes: { min: 2, max: 2, run: ([collection, value], budget) => includes(collection, value, budget) },
};

export const CONSTANTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['PI', Math.PI],
  ['E', Math.E],
]);
