import type { Budget } from '../budget.ts';

/** What an inline helper is told about the rendering it is part of. */
export interface HelperCall {
  readonly budget: Budget;
  /** Epoch ms. */
  readonly now: number;
  /** What `this` is where the helper stands. */
  readonly context: unknown;
  /** Renders a template that is itself a value, one level deeper. */
  readonly template: (source: string, context: unknown) => string;
  /** Evaluates an expression that is itself a value, one level deeper. */
  readonly expression: (source: string, context: unknown) => unknown;
}

export type HashValues = Readonly<Record<string, unknown>>;

/** Pure but for what it charges. Missing arguments are undefined, surplus ones are ignored. */
export type InlineHelper = (args: readonly unknown[], hash: HashValues, call: HelperCall) => unknown;
