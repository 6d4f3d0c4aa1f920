import { parse as parseHandlebars } from '@handlebars/parser';
import type { Block, Expression, Hash, Node, PathExpression, Program } from './ast.ts';
import { BLOCKS, type BlockHelper, section } from './blocks.ts';
import { TemplateError } from './error.ts';
import type { BlockTree, CallTree, ExpressionTree, HashTree, PathTree, ProgramTree, StatementTree } from './handlebars-ast.ts';
import { checkLiterals, HELPERS } from './helpers/index.ts';
import { prescan, type Prescanned } from './prescan.ts';

type Place = Prescanned['place'];
type Located = Pick<CallTree, 'loc'>;

const at = (place: Place, { loc }: Located): string => place(loc.start.line, loc.start.column);
const refuse = (place: Place, node: Located, why: string): TemplateError => new TemplateError('syntax', `${at(place, node)}: ${why}`);

/** What the parser's tokens are called by people. */
const TOKENS: Readonly<Record<string, string>> = {
  EOF: 'the end of the template',
  CLOSE: '}}',
  CLOSE_UNESCAPED: '}}}',
  CLOSE_RAW_BLOCK: '}}}}',
  INVERSE: '{{else}}',
  OPEN_INVERSE_CHAIN: '{{else',
  OPEN_ENDBLOCK: '{{/',
  CLOSE_SEXPR: ')',
  EQUALS: '=',
  INVALID: 'an unexpected character',
};

interface ParserFailure {
  readonly hash?: {
    readonly line: number;
    readonly token: string | null;
    readonly loc?: { readonly last_line: number; readonly last_column: number };
  };
  readonly lineNumber?: number;
  readonly column?: number;
}

/** The parser's own message quotes the source, and with it perhaps a secret: only place and kind are kept. */
function toTemplateError(thrown: unknown, place: Place): TemplateError {
  if (thrown instanceof TemplateError) return thrown;
  if (!(thrown instanceof Error)) return new TemplateError('syntax', 'does not parse');
  if (thrown instanceof RangeError) return new TemplateError('limit', 'is nested too deep');
  const { hash, lineNumber, column } = thrown as Error & ParserFailure;
  if (hash !== undefined) {
    const where = hash.loc === undefined ? `line ${hash.line + 1}` : place(hash.loc.last_line, hash.loc.last_column);
    return new TemplateError('syntax', `${where}: ${TOKENS[hash.token ?? 'INVALID'] ?? 'something'} stands where it can't`);
  }
  const where = lineNumber === undefined ? '' : `${place(lineNumber, column ?? 0)}: `;
  const why = thrown.message.startsWith('Invalid path')
    ? 'this and .. can only begin a path'
    : 'the block is closed by another name than it is opened with';
  return new TemplateError('syntax', where + why);
}

/** Parses and checks a template. TemplateError `syntax` or `limit`. */
export function parseTemplate(source: string): Program {
  const prescanned = prescan(source);
  let tree: ProgramTree;
  try {
    tree = parseHandlebars(prescanned.text);
  } catch (thrown) {
    throw toTemplateError(thrown, prescanned.place);
  }
  return new Conversion(prescanned.place).program(tree);
}

/** From the parser's tree to ours: resolves helpers, refuses what we don't run. */
class Conversion {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  program(tree: ProgramTree | undefined): Program {
    const nodes = (tree?.body ?? []).map((node) => this.#statement(node)).filter((node) => node !== undefined);
    return { nodes, locals: tree?.blockParams ?? [] };
  }

  #statement(node: StatementTree): Node | undefined {
    switch (node.type) {
      case 'ContentStatement':
        return node.value === '' ? undefined : { kind: 'text', text: node.value };
      case 'CommentStatement':
        return undefined;
      case 'MustacheStatement':
        return { kind: 'value', value: this.#call(node) };
      case 'BlockStatement':
        return this.#block(node);
      default:
        throw refuse(this.#place, node, 'partials and decorators are not supported');
    }
  }

  /** The name a callee has when it is one: a lone segment. */
  #nameOf(callee: ExpressionTree): string | undefined {
    if (callee.type === 'StringLiteral' || callee.type === 'NumberLiteral' || callee.type === 'BooleanLiteral')
      return String(callee.original);
    if (callee.type === 'UndefinedLiteral' || callee.type === 'NullLiteral') return callee.type === 'NullLiteral' ? 'null' : 'undefined';
    if (callee.type !== 'PathExpression' || callee.data || callee.depth > 0 || callee.parts.length !== 1 || isScoped(callee))
      return undefined;
    return typeof callee.parts[0] === 'string' ? callee.parts[0] : undefined;
  }

  #call(node: CallTree): Expression {
    const callee = node.path;
    const name = this.#nameOf(callee);
    const hasArguments = node.params.length > 0 || (node.hash?.pairs.length ?? 0) > 0;
    const helper = name !== undefined && Object.hasOwn(HELPERS, name) ? HELPERS[name] : undefined;
    if (name === undefined || helper === undefined) {
      if (hasArguments) throw refuse(this.#place, node, this.#unknown(callee, name));
      return name === undefined ? this.expression(callee) : { kind: 'path', data: false, up: 0, scoped: false, segments: [name] };
    }
    const params = node.params.map((param) => this.expression(param));
    const wrong = checkLiterals(name, params);
    if (wrong !== undefined) throw refuse(this.#place, node, `${name} ${wrong}`);
    const lone: PathExpression | undefined = hasArguments
      ? undefined
      : { kind: 'path', data: false, up: 0, scoped: false, segments: [name] };
    return { kind: 'call', name, helper, params, hash: this.#hash(node.hash), ...(lone === undefined ? {} : { lone }) };
  }

  #unknown(callee: ExpressionTree, name: string | undefined): string {
    if (callee.type !== 'PathExpression') return 'a helper is called by its name';
    const called = callee.parts.every((part) => typeof part === 'string') ? callee.original.slice(0, 60) : 'a sub-expression';
    return name !== undefined && Object.hasOwn(BLOCKS, name) ? `${called} is a block: {{#${called} …}}` : `${called} is not a helper`;
  }

  #block(node: BlockTree): Block {
    const callee = node.path;
    const name = this.#nameOf(callee);
    const known = name !== undefined && Object.hasOwn(BLOCKS, name) ? BLOCKS[name] : undefined;
    const hasArguments = node.params.length > 0 || (node.hash?.pairs.length ?? 0) > 0;
    let helper: BlockHelper;
    let params: readonly Expression[];
    if (known === undefined) {
      if (hasArguments) {
        const isInline = name !== undefined && Object.hasOwn(HELPERS, name);
        throw refuse(this.#place, node, isInline ? `${name} is not a block helper` : this.#unknown(callee, name));
      }
      helper = section;
      params = [this.#call({ path: node.path, params: [], loc: node.loc })];
    } else {
      params = node.params.map((param) => this.expression(param));
      if (params.length !== known.arity)
        throw refuse(this.#place, node, `${name} takes ${known.arity === 1 ? 'one argument' : `${known.arity} arguments`}`);
      const wrong = checkLiterals(name ?? '', params);
      if (wrong !== undefined) throw refuse(this.#place, node, `${name} ${wrong}`);
      helper = known;
    }
    return {
      kind: 'block',
      helper,
      params,
      hash: this.#hash(node.hash),
      body: this.program(node.program),
      otherwise: this.program(node.inverse),
    };
  }

  expression(node: ExpressionTree): Expression {
    switch (node.type) {
      case 'StringLiteral':
      case 'NumberLiteral':
      case 'BooleanLiteral':
        return { kind: 'literal', value: node.value };
      case 'NullLiteral':
        return { kind: 'literal', value: null };
      case 'UndefinedLiteral':
        return { kind: 'literal', value: undefined };
      case 'SubExpression': {
        const callee = node.path;
        const name = this.#nameOf(callee);
        if (node.params.length === 0 && (node.hash?.pairs.length ?? 0) === 0 && (name === undefined || !Object.hasOwn(HELPERS, name)))
          throw refuse(this.#place, node, this.#unknown(callee, name));
        return this.#call(node);
      }
      case 'PathExpression':
        return this.#path(node);
      default:
        throw refuse(this.#place, node, 'this kind of value is not supported');
    }
  }

  #path(node: PathTree): PathExpression {
    const [head, ...tail] = node.parts;
    if (node.parts.some((part) => typeof part === 'string' && part.startsWith('#')))
      throw refuse(this.#place, node, 'a path has an unexpected #');
    const common = { kind: 'path' as const, data: node.data, up: node.depth, scoped: isScoped(node) };
    if (head === undefined) return { ...common, segments: [] };
    if (typeof head === 'string') return { ...common, segments: [head, ...tail] };
    return { ...common, from: this.expression(head), segments: tail };
  }

  #hash(hash: HashTree | undefined): Hash {
    return (hash?.pairs ?? []).map((pair) => [pair.key, this.expression(pair.value)] as const);
  }
}

/** `this.name` and `./name` are always properties. */
const isScoped = (path: PathTree): boolean => /^(this|\.)([./]|$)/.test(path.original);
