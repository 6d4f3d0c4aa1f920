/**
 * Templates, expressions and payload paths (shared/WORKFLOWS.md §3). Pure: no clock of its own, no I/O. Own properties and listed helpers only; bounded in
 * length, depth and steps. Parsed templates and expressions are kept in an LRU.
 */

/** syntax: it doesn't parse. limit: too long, too deep, too many steps. json: a JSON template that renders to no JSON. Messages never quote rendered values. */
export class TemplateError extends Error {
  constructor(
    readonly code: 'syntax' | 'limit' | 'json',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'TemplateError';
  }
}

/** What helpers need from outside. */
export interface RenderOptions {
  /** Epoch ms, for currentDateTime and formatDateRelative; default Date.now(). */
  readonly now?: number;
  /** Longest result in characters; default 5 Mi. */
  readonly maxLength?: number;
}

/** Why a template's syntax is wrong, naming the place; undefined: it is fine. */
export function templateIssue(_source: string): string | undefined {
  throw new Error('in progress');
}
/** Renders to text: undefined and null → '', arrays comma-joined, objects [object Object]; never HTML-escaped. */
export function render(_source: string, _context: unknown, _options?: RenderOptions): string {
  throw new Error('in progress');
}
/** As {@link render}, but a template that is one lone `{{ref}}` (or one lone helper call) keeps the type of its value. */
export function renderValue(_source: string, _context: unknown, _options?: RenderOptions): unknown {
  throw new Error('in progress');
}
/** Renders, then parses as JSON; TemplateError `json` otherwise. */
export function renderJson(_source: string, _context: unknown, _options?: RenderOptions): unknown {
  throw new Error('in progress');
}
/** The paths of the context that a template can read (first segments and below: `globals.key`), to know what a change touches. */
export function referencesOf(_source: string): readonly string[] {
  throw new Error('in progress');
}
/** Why an expression's syntax is wrong; undefined: it is fine. */
export function expressionIssue(_source: string): string | undefined {
  throw new Error('in progress');
}
/** Evaluates an expression: `{{x}}` inside is a typed variable. */
export function evaluate(_source: string, _context: unknown, _options?: RenderOptions): unknown {
  throw new Error('in progress');
}

/** Segments of a payload path: `a.b`, `a.[0]`, `a.[key with space]`, `a[0]`; a lone `.` = []. Undefined when it is no path. */
export function parsePath(_path: string): readonly string[] | undefined {
  throw new Error('in progress');
}
/** The value at a path; own properties only; a missing link gives undefined; strings index too. */
export function getPath(_payload: unknown, _path: string): unknown {
  throw new Error('in progress');
}
/** Returns the payload with the value set at the path: copies what it changes (copy on write), makes missing objects. Refuses `__proto__`. */
export function setPath(_payload: unknown, _path: string, _value: unknown): unknown {
  throw new Error('in progress');
}
/** Returns the payload without what stands at the path; unchanged when there is nothing. */
export function removePath(_payload: unknown, _path: string): unknown {
  throw new Error('in progress');
}
