import type { Block, Call, Expression, Hash, PathExpression, Program } from './ast.ts';
import type { Entered } from './blocks.ts';
import { Output } from './budget.ts';
import type { EvaluateOptions } from './error.ts';
import type { HashValues, HelperCall } from './helpers/types.ts';
import { emptyObject, own, toText } from './values.ts';

/** What one rendering runs with. */
export type Run = Omit<HelperCall, 'context'> & Pick<Required<EvaluateOptions>, 'adds'>;

/** Where an expression stands: its `this`, what `../` leads to, `@` variables and block parameters. */
export interface Scope {
  readonly context: unknown;
  readonly outer?: Scope;
  readonly data: DataFrame;
  readonly locals?: Locals;
}

interface DataFrame {
  readonly values: HashValues;
  readonly outer?: DataFrame;
}

interface Locals {
  readonly names: readonly string[];
  readonly values: readonly unknown[];
  readonly outer?: Locals;
}

export const rootScope = (context: unknown): Scope => ({ context, data: { values: { root: context } } });

function localOf(locals: Locals | undefined, name: string): { readonly value: unknown } | undefined {
  for (let frame = locals; frame !== undefined; frame = frame.outer) {
    const index = frame.names.indexOf(name);
    if (index !== -1) return { value: frame.values[index] };
  }
  return undefined;
}

function dataOf(frame: DataFrame, up: number, name: string): unknown {
  let from: DataFrame | undefined = frame;
  for (let i = 0; i < up; i++) from = from?.outer;
  for (; from !== undefined; from = from.outer) if (Object.hasOwn(from.values, name)) return from.values[name];
  return undefined;
}

function resolve(path: PathExpression, scope: Scope, run: Run): unknown {
  let value: unknown;
  let skip = 0;
  const [head] = path.segments;
  if (path.from !== undefined) value = evaluateExpression(path.from, scope, run);
  else if (path.data) {
    value = head === undefined ? undefined : dataOf(scope.data, path.up, head);
    skip = 1;
  } else {
    const local = head === undefined || path.up > 0 || path.scoped ? undefined : localOf(scope.locals, head);
    if (local !== undefined) {
      value = local.value;
      skip = 1;
    } else {
      let from: Scope | undefined = scope;
      for (let i = 0; i < path.up; i++) from = from?.outer;
      value = from?.context;
    }
  }
  for (let i = skip; i < path.segments.length; i++) value = own(value, path.segments[i] ?? '');
  return value;
}

function hashOf(hash: Hash, scope: Scope, run: Run): HashValues {
  const values = emptyObject();
  for (const [key, expression] of hash) values[key] = evaluateExpression(expression, scope, run);
  return values;
}

function argumentsOf(params: readonly Expression[], scope: Scope, run: Run): unknown[] {
  return params.map((param) => {
    const value = evaluateExpression(param, scope, run);
    run.budget.look(value);
    return value;
  });
}

function callHelper(call: Call, scope: Scope, run: Run): unknown {
  if (call.lone !== undefined) {
    const { value } = localOf(scope.locals, call.name) ?? { value: own(scope.context, call.name) };
    if (value !== undefined) return value;
  }
  const result = call.helper(argumentsOf(call.params, scope, run), hashOf(call.hash, scope, run), { ...run, context: scope.context });
  if (typeof result === 'string') run.budget.fits(result.length);
  return result;
}

/** The typed value of an expression. */
export function evaluateExpression(expression: Expression, scope: Scope, run: Run): unknown {
  run.budget.spend(1);
  if (expression.kind === 'literal') return expression.value;
  return expression.kind === 'path' ? resolve(expression, scope, run) : callHelper(expression, scope, run);
}

function enter(scope: Scope, locals: readonly string[], entered: Entered | undefined): Scope {
  if (entered === undefined) return scope;
  const { context, data, locals: values = [] } = entered;
  const moved = context !== undefined && context.value !== scope.context;
  return {
    ...(moved ? { context: context.value, outer: scope } : { context: scope.context, outer: scope.outer }),
    data: data === undefined ? scope.data : { values: data, outer: scope.data },
    locals: locals.length === 0 ? scope.locals : { names: locals, values, outer: scope.locals },
  };
}

function runBlock(block: Block, scope: Scope, run: Run, output: Output): void {
  block.helper.run(argumentsOf(block.params, scope, run), hashOf(block.hash, scope, run), {
    budget: run.budget,
    context: scope.context,
    body: (entered) => renderProgram(block.body, enter(scope, block.body.locals, entered), run, output),
    otherwise: () => renderProgram(block.otherwise, scope, run, output),
  });
}

/** Renders a program into an output. */
export function renderProgram(program: Program, scope: Scope, run: Run, output: Output): void {
  for (const node of program.nodes) {
    run.budget.spend(1);
    if (node.kind === 'text') output.write(node.text);
    else if (node.kind === 'block') runBlock(node, scope, run, output);
    else output.write(toText(evaluateExpression(node.value, scope, run), run.budget));
  }
}

/** A program as text. */
export function renderText(program: Program, scope: Scope, run: Run): string {
  const output = new Output(run.budget);
  renderProgram(program, scope, run, output);
  return output.text;
}

/** The one expression a template consists of, if that is all it is. */
export function loneExpression(program: Program): Expression | undefined {
  const [node, ...more] = program.nodes;
  return node?.kind === 'value' && more.length === 0 ? node.value : undefined;
}
