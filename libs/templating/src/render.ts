import type { Program } from './ast.ts';
import { Budget } from './budget.ts';
import { type EvaluateOptions, TemplateError, type RenderOptions } from './error.ts';
import { evaluateTree } from './expression/evaluate.ts';
import { parseExpression, type Tree } from './expression/parse.ts';
import { evaluateExpression, loneExpression, renderText, rootScope, type Run } from './interpret.ts';
import { MAX_LENGTH, MAX_NESTING } from './limits.ts';
import { Lru } from './lru.ts';
import { parseTemplate } from './parse.ts';

/** Parsing takes a hundred times as long as rendering; what was parsed last is kept, at most so much. */
const templates = new Lru<Program>(2_000, 1024 * 1024);
const expressions = new Lru<Tree>(2_000, 256 * 1024);

/** TemplateError `syntax` or `limit`. */
export const parsedTemplate = (source: string): Program => templates.get(source, parseTemplate);

function makeRun(budget: Budget, now: number, adds: boolean, nesting: number): Run {
  const deeper = (): Run => {
    if (nesting >= MAX_NESTING)
      throw new TemplateError('limit', `template and evalExpression call each other more than ${MAX_NESTING} times`);
    return makeRun(budget, now, adds, nesting + 1);
  };
  return {
    budget,
    now,
    adds,
    template: (source, context) => renderText(parsedTemplate(source), rootScope(context), deeper()),
    expression: (source, context) => evaluateTree(expressions.get(source, parseExpression), rootScope(context), deeper()),
  };
}

const startRun = ({ now = Date.now(), maxLength = MAX_LENGTH, adds = false }: EvaluateOptions): Run =>
  makeRun(new Budget(maxLength), now, adds, 0);

const issueOf = (parse: () => unknown): string | undefined => {
  try {
    parse();
  } catch (thrown) {
    if (thrown instanceof TemplateError) return thrown.message;
    throw thrown;
  }
  return undefined;
};

/** Why a template's syntax is wrong, naming the place; undefined: it is fine. */
export const templateIssue = (source: string): string | undefined => issueOf(() => parsedTemplate(source));

/** Renders to text: undefined and null → '', arrays comma-joined, objects [object Object]; never HTML-escaped. TemplateError `syntax` or `limit`. */
export const render = (source: string, context: unknown, options: RenderOptions = {}): string =>
  renderText(parsedTemplate(source), rootScope(context), startRun(options));

/** As {@link render}, but a template that is one lone `{{ref}}` (or one lone helper call) keeps the type of its value. */
export function renderValue(source: string, context: unknown, options: RenderOptions = {}): unknown {
  const program = parsedTemplate(source);
  const run = startRun(options);
  const lone = loneExpression(program);
  if (lone === undefined) return renderText(program, rootScope(context), run);
  const value = evaluateExpression(lone, rootScope(context), run);
  if (lone.kind === 'call') run.budget.measure(value); // what helpers build may repeat a part of the context many times
  return value;
}

/** Renders, then parses as JSON. TemplateError `json` when it isn't, which says where but never what. */
export function renderJson(source: string, context: unknown, options: RenderOptions = {}): unknown {
  const text = render(source, context, options);
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new TemplateError(
      'json',
      `the template renders to ${text.trim() === '' ? 'nothing' : 'text'} that is not JSON${placeIn(thrown)}`,
    );
  }
}

/** The parser's own message quotes the text. */
const placeIn = (thrown: unknown): string => {
  const position = thrown instanceof Error ? /at position (\d+)/.exec(thrown.message)?.[1] : undefined;
  return position === undefined ? '' : ` (at character ${Number(position) + 1} of it)`;
};

/** Why an expression's syntax is wrong, naming the place; undefined: it is fine. */
export const expressionIssue = (source: string): string | undefined => issueOf(() => expressions.get(source, parseExpression));

/** Evaluates an expression: `{{x}}` inside is a typed variable, undefined when it is missing. TemplateError `syntax` or `limit`. */
export const evaluate = (source: string, context: unknown, options: EvaluateOptions = {}): unknown =>
  evaluateTree(expressions.get(source, parseExpression), rootScope(context), startRun(options));
