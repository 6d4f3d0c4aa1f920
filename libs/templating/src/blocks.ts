import type { HashValues } from './helpers/types.ts';
import { COMPARISONS } from './helpers/compare.ts';
import type { Budget } from './budget.ts';
import { isEmpty } from './values.ts';

/** What a block's body is rendered with. */
export interface Entered {
  /** `this`; absent: that of the surroundings. */
  readonly context?: { readonly value: unknown };
  /** `@key` and the like, over those of the surroundings. */
  readonly data?: HashValues;
  /** Values of the block parameters, in order. */
  readonly locals?: readonly unknown[];
}

/** What a block may do: render its body or its `{{else}}`, any number of times. */
export interface BlockCall {
  readonly budget: Budget;
  /** `this` where the block stands. */
  readonly context: unknown;
  readonly body: (entered?: Entered) => void;
  readonly otherwise: () => void;
}

export interface BlockHelper {
  /** How many arguments it takes, no more and no fewer. */
  readonly arity: number;
  /** Whether its body sees another `this`, which then comes from the argument. */
  readonly entersArgument: boolean;
  readonly run: (args: readonly unknown[], hash: HashValues, call: BlockCall) => void;
}

const condition = (arity: number, holds: (args: readonly unknown[], hash: HashValues, budget: Budget) => boolean): BlockHelper => ({
  arity,
  entersArgument: false,
  run: (args, hash, { budget, body, otherwise }) => (holds(args, hash, budget) ? body() : otherwise()),
});

const isTrue = ([value]: readonly unknown[], hash: HashValues): boolean => !isEmpty(value) || (hash['includeZero'] === true && value === 0);

function eachEntry(value: unknown, { budget, body, otherwise }: BlockCall): void {
  if (typeof value !== 'object' || value === null) return otherwise();
  const isList = Array.isArray(value);
  const keys = isList ? undefined : Object.keys(value);
  const count = keys === undefined ? (value as readonly unknown[]).length : keys.length;
  budget.spend(count / 16);
  for (let index = 0; index < count; index++) {
    budget.spend(1);
    const key = keys === undefined ? index : (keys[index] ?? '');
    const entry: unknown = (value as Readonly<Record<string | number, unknown>>)[key];
    body({ context: { value: entry }, data: { key, index, first: index === 0, last: index === count - 1 }, locals: [entry, key] });
  }
  if (count === 0) otherwise();
}

/** `{{#path}}…{{/path}}` without a helper: once for each entry of a list, once inside an object, once for anything else that isn't empty. */
export const section: BlockHelper = {
  arity: 1,
  entersArgument: true,
  run: ([value], _hash, call) => {
    if (value === true) call.body();
    else if (Array.isArray(value)) eachEntry(value, call);
    else if (value === false || value === undefined || value === null) call.otherwise();
    else call.body({ context: { value }, locals: [value] });
  },
};

/** Every block helper there is. The comparisons are those of the inline helpers of the same names. */
export const BLOCKS: Readonly<Record<string, BlockHelper>> = {
  if: condition(1, isTrue),
  unless: condition(1, (args, hash) => !isTrue(args, hash)),
  each: { arity: 1, entersArgument: true, run: ([value], _hash, call) => eachEntry(value, call) },
  with: {
    arity: 1,
    entersArgument: true,
    run: ([value], _hash, { body, otherwise }) =>
      isEmpty(value) && value !== 0 ? otherwise() : body({ context: { value }, locals: [value] }),
  },
  ...Object.fromEntries(
    Object.entries(COMPARISONS).map(([name, holds]) => [name, condition(2, (args, _hash, budget) => holds(args, budget))]),
  ),
};
