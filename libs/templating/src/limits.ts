/** Longest source of a template or an expression, in characters. */
export const MAX_SOURCE = 262_144;
/** Most characters of a template that may stand inside braces, comments apart: the parser takes ten microseconds for each token. */
export const MAX_INSIDE = 65_536;
/** Most `[segments]` and `{{!-- comments --}}` of a template: at each, the parser copies what is left of it. */
export const MAX_DETOURS = 1_000;
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
