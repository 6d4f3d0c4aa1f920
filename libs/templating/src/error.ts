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

/** How an expression is evaluated. */
export interface EvaluateOptions extends RenderOptions {
  /** `+` adds, also where a side is text: it never joins. */
  readonly adds?: boolean;
}
