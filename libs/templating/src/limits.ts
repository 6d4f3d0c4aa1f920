/** Longest source of a template or an expression, in characters. */
export const MAX_SOURCE = 262_144;
/** Deepest nesting of blocks (an `else if` counts as one) and of sub-expressions. */
export const MAX_DEPTH = 100;
/** Deepest tree of an expression; a chain of n operators is n deep. */
export const MAX_EXPRESSION_DEPTH = 500;
/** Steps of one rendering: a node, an iteration, a call; long arguments and results count more. About a second of work at the most. */
export const MAX_STEPS = 1_000_000;
/** Longest result by default, in characters. */
export const MAX_LENGTH = 5 * 1024 * 1024;
/** Deepest value that is turned into text or JSON. */
export const MAX_VALUE_DEPTH = 1_000;
/** How deep `template` and `evalExpression` may call each other. */
export const MAX_NESTING = 4;
