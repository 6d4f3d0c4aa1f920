import type { Expression } from '../ast.ts';
import { TemplateError } from '../error.ts';
import { loneExpression } from '../interpret.ts';
import { MAX_EXPRESSION_DEPTH, MAX_SOURCE } from '../limits.ts';
import { parseTemplate } from '../parse.ts';
import { CONSTANTS, type ExpressionFunction, FUNCTIONS } from './functions.ts';
import { BINDING, PREFIX_BINDING } from './operators.ts';
import { syntaxAt, type Token, tokenize } from './tokens.ts';

export type Tree = { readonly depth: number } & (
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'variable'; readonly value: Expression }
  | { readonly kind: 'prefix'; readonly operator: string; readonly operand: Tree }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Tree; readonly right: Tree }
  | { readonly kind: 'choice'; readonly condition: Tree; readonly yes: Tree; readonly no: Tree }
  | { readonly kind: 'call'; readonly fn: ExpressionFunction; readonly args: readonly Tree[] }
);

/** What may recurse while parsing: parentheses, signs, arguments and branches. */
const MAX_PARSE_DEPTH = 100;

/** A Pratt parser: each operator takes what binds tighter than itself. */
class ExpressionParser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Tree {
    const tree = this.#expression(0);
    const token = this.#peek();
    if (token.kind !== 'end') throw syntaxAt(token.at, `${named(token)} stands where an operator or the end should`);
    return tree;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', at: 0 };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #takes(symbol: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'symbol' || token.symbol !== symbol) return false;
    this.#at += 1;
    return true;
  }

  #expect(symbol: string, opened: number): void {
    if (!this.#takes(symbol)) throw syntaxAt(this.#peek().at, `a ${symbol} is missing (for column ${opened + 1})`);
  }

  #expression(minimum: number): Tree {
    this.#depth += 1;
    if (this.#depth > MAX_PARSE_DEPTH) throw new TemplateError('limit', `is nested deeper than ${MAX_PARSE_DEPTH}`);
    let left = this.#operand();
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'symbol') break;
      const { symbol } = token;
      if (symbol === '?' && minimum <= 1) {
        this.#at += 1;
        const yes = this.#expression(0);
        this.#expect(':', token.at);
        const no = this.#expression(1);
        left = grow({ kind: 'choice', condition: left, yes, no }, left, yes, no);
        continue;
      }
      const binding = BINDING[symbol];
      if (binding === undefined || binding[0] < minimum) break;
      this.#at += 1;
      const right = this.#expression(binding[1]);
      left = grow({ kind: 'binary', operator: symbol, left, right }, left, right);
    }
    this.#depth -= 1;
    return left;
  }

  #operand(): Tree {
    const token = this.#next();
    switch (token.kind) {
      case 'number':
      case 'text':
        return { kind: 'constant', value: token.value, depth: 1 };
      case 'template':
        return { kind: 'variable', value: variable(token.source, token.at), depth: 1 };
      case 'name':
        return this.#name(token.name, token.at);
      case 'symbol':
        if (token.symbol === '(') {
          const inner = this.#expression(0);
          this.#expect(')', token.at);
          return inner;
        }
        if (token.symbol === '!' || token.symbol === '-' || token.symbol === '+') {
          const operand = this.#expression(PREFIX_BINDING);
          return grow({ kind: 'prefix', operator: token.symbol, operand }, operand);
        }
        throw syntaxAt(token.at, `${token.symbol} stands where a value should`);
      default:
        throw syntaxAt(token.at, 'ends where a value should stand');
    }
  }

  #name(name: string, at: number): Tree {
    if (!this.#takes('(')) {
      if (CONSTANTS.has(name)) return { kind: 'constant', value: CONSTANTS.get(name), depth: 1 };
      const shown = name.slice(0, 60);
      const hint = Object.hasOwn(FUNCTIONS, name)
        ? `${shown} is a function: ${shown}(…)`
        : `${shown} is not known; a path stands in braces: {{${shown}}}`;
      throw syntaxAt(at, hint);
    }
    const fn = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (fn === undefined) throw syntaxAt(at, `${name.slice(0, 60)} is not a known function`);
    const args: Tree[] = [];
    if (!this.#takes(')')) {
      do args.push(this.#expression(0));
      while (this.#takes(','));
      this.#expect(')', at);
    }
    if (args.length < fn.min || args.length > fn.max)
      throw syntaxAt(at, `${name} takes ${fn.min === fn.max ? fn.min : `${fn.min} to ${fn.max}`} argument(s)`);
    return grow({ kind: 'call', fn, args }, ...args);
  }
}

type Ungrown<T> = T extends unknown ? Omit<T, 'depth'> : never;

/** Chains of operators lean to the left without recursion while parsing; evaluating them recurses, so their depth is bounded here. */
function grow(tree: Ungrown<Tree>, ...parts: readonly Tree[]): Tree {
  const depth = 1 + parts.reduce((deepest, part) => Math.max(deepest, part.depth), 0);
  if (depth > MAX_EXPRESSION_DEPTH) throw new TemplateError('limit', `has more than ${MAX_EXPRESSION_DEPTH} operators in a row`);
  return { ...tree, depth };
}

const named = (token: Token): string => {
  if (token.kind === 'symbol') return token.symbol;
  return token.kind === 'name' ? token.name.slice(0, 60) : token.kind === 'template' ? '{{' : `a ${token.kind}`;
};

function variable(source: string, at: number): Expression {
  try {
    const value = loneExpression(parseTemplate(source));
    if (value !== undefined) return value;
  } catch (thrown) {
    if (!(thrown instanceof TemplateError)) throw thrown;
    throw new TemplateError(thrown.code, `column ${at + 1}: in the braces, ${thrown.message}`);
  }
  throw syntaxAt(at, 'only a path or a helper can stand in these braces, no block and no comment');
}

/** TemplateError `syntax` or `limit`. */
export function parseExpression(source: string): Tree {
  if (source.length > MAX_SOURCE) throw new TemplateError('limit', `is longer than ${MAX_SOURCE} characters`);
  return new ExpressionParser(tokenize(source)).parse();
}
