import { TemplateError } from '../error.ts';
import { endOfMustache } from '../prescan.ts';

export type Token = { readonly at: number } & (
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'template'; readonly source: string }
  | { readonly kind: 'symbol'; readonly symbol: string }
  | { readonly kind: 'end' }
);

const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/iy;
/** With what would make a path of it, so that the error can name it whole. */
const NAME = /[a-z_$][\w$]*(?:\.?\[\w+\]|\.[\w$]+)*/iy;
const SPACE = /\s+/y;
/** The longest first. */
const SYMBOLS = [
  '===',
  '!==',
  '==',
  '!=',
  '>=',
  '<=',
  '>>',
  '<<',
  '&&',
  '||',
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  '!',
  '<',
  '>',
  '(',
  ')',
  ',',
  '?',
  ':',
];
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', '0': '\0' };

const readAt = (pattern: RegExp, source: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
};

export const syntaxAt = (at: number, why: string): TemplateError => new TemplateError('syntax', `column ${at + 1}: ${why}`);

function readText(source: string, from: number): { readonly value: string; readonly end: number } {
  const quote = source[from];
  let value = '';
  for (let i = from + 1; i < source.length; i++) {
    const c = source[i] ?? '';
    if (c === quote) return { value, end: i + 1 };
    if (c !== '\\') {
      value += c;
      continue;
    }
    i += 1;
    const escaped = source[i] ?? '';
    const hex =
      escaped === 'u' || escaped === 'x' ? /^[0-9a-f]+/i.exec(source.slice(i + 1, i + (escaped === 'u' ? 5 : 3)))?.[0] : undefined;
    if (hex !== undefined && hex.length === (escaped === 'u' ? 4 : 2)) {
      value += String.fromCharCode(Number.parseInt(hex, 16));
      i += hex.length;
    } else value += ESCAPES[escaped] ?? escaped;
  }
  throw syntaxAt(from, 'the text is not closed by a quote');
}

/** Reads one token from `at`, and where the next begins. */
function read(source: string, at: number): { readonly token: Token; readonly end: number } {
  const c = source[at] ?? '';
  if (source.startsWith('{{', at)) {
    const end = endOfMustache(source, at);
    if (end === -1) throw syntaxAt(at, 'the {{ is not closed');
    return { token: { at, kind: 'template', source: source.slice(at, end) }, end };
  }
  if (c === '"' || c === "'") {
    const { value, end } = readText(source, at);
    return { token: { at, kind: 'text', value }, end };
  }
  const number = readAt(NUMBER, source, at);
  if (number !== undefined) {
    if (/[\w$]/.test(source[at + number.length] ?? '')) throw syntaxAt(at, 'is not a number');
    return { token: { at, kind: 'number', value: Number(number) }, end: at + number.length };
  }
  const name = readAt(NAME, source, at);
  if (name !== undefined) return { token: { at, kind: 'name', name }, end: at + name.length };
  const symbol = SYMBOLS.find((one) => source.startsWith(one, at));
  if (symbol === undefined) throw syntaxAt(at, 'an unexpected character');
  return { token: { at, kind: 'symbol', symbol }, end: at + symbol.length };
}

/** The tokens of an expression; the last is `end`. TemplateError `syntax`. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at += readAt(SPACE, source, at)?.length ?? 0;
    if (at >= source.length) break;
    const { token, end } = read(source, at);
    tokens.push(token);
    at = end;
  }
  tokens.push({ at, kind: 'end' });
  return tokens;
}
