import { TemplateError } from './error.ts';
import { MAX_DEPTH, MAX_DETOURS, MAX_INSIDE, MAX_SOURCE } from './limits.ts';

/** The source as Handlebars' grammar takes it, and how a place in it maps back. */
export interface Prescanned {
  readonly text: string;
  /** Line and column, both from 1, in the source as the user wrote it. Takes the parser's: line from 1, column from 0. */
  readonly place: (line: number, column: number) => string;
}

const ID = /[^\s!"#%-,./;->@[-^`{-~]/;
const BEGIN = /~?([#/!^]|\s*else\b)?/y;
const BARE_INVERSE = /~?(\^|\s*else)\s*~?\}\}/y;
const COMMENT_END = /--~?\}\}/g;
const PLAIN_COMMENT_END = /\}\}/g;

const startsAt = (pattern: RegExp, source: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(source);
};

/** Index after the quoted text or `[segment]` that begins at `at`; the end of the source when it isn't closed. */
function skipDelimited(source: string, at: number, close: string): number {
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === '\\' && source[i + 1] === close) i += 1;
    else if (source[i] === close) return i + 1;
  }
  return source.length;
}

/**
 * Index after the mustache that begins at `open` (`{{` or `{{{`), or -1 when it isn't closed. Calls back at each `[`, and says whether it follows a name: the grammar wants `.[` there.
 */
export function endOfMustache(source: string, open: number, onBracket?: (at: number, followsName: boolean) => void): number {
  const strip = source[open + 2] === '~' ? 1 : 0;
  const triple = source[open + 2 + strip] === '{';
  let depth = 0;
  for (let i = open + 2 + strip + (triple ? 1 : 0); i < source.length; i++) {
    const c = source[i];
    if (c === '"' || c === "'") i = skipDelimited(source, i, c) - 1;
    else if (c === '[') {
      const before = source[i - 1] ?? '';
      onBracket?.(i, before === ']' || ID.test(before));
      i = skipDelimited(source, i, ']') - 1;
    } else if (c === '(') {
      depth += 1;
      if (depth > MAX_DEPTH) throw new TemplateError('limit', `sub-expressions are nested deeper than ${MAX_DEPTH}`);
    } else if (c === ')') depth -= 1;
    else if (c === '}') {
      if (triple && /^\}~?\}\}/.test(source.slice(i, i + 4))) return i + (source[i + 1] === '~' ? 4 : 3);
      if (!triple && source[i + 1] === '}') return i + 2;
    }
  }
  return -1;
}

/** Index after the comment that begins at `open`, or -1 when it isn't closed. */
function endOfComment(source: string, open: number): number {
  const bang = source.indexOf('!', open);
  const close = source.startsWith('!--', bang) ? startsAt(COMMENT_END, source, bang + 1) : startsAt(PLAIN_COMMENT_END, source, bang);
  return close === null ? -1 : close.index + close[0].length;
}

/** Whether the `{{` at `open` is escaped by a backslash; two of them are a backslash and a mustache. */
const isEscaped = (source: string, contentStart: number, open: number): boolean =>
  open > contentStart && source[open - 1] === '\\' && !(open - 1 > contentStart && source[open - 2] === '\\');

/** Counts open blocks; each `else if` nests one deeper until its block ends. */
class BlockDepth {
  readonly #open: number[] = [];
  #depth = 0;

  enter(): void {
    this.#open.push(0);
    this.deeper();
  }

  deeper(): void {
    const top = this.#open.length - 1;
    if (top >= 0) this.#open[top] = (this.#open[top] ?? 0) + 1;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new TemplateError('limit', `blocks are nested deeper than ${MAX_DEPTH}`);
  }

  leave(): void {
    this.#depth -= this.#open.pop() ?? 0;
  }
}

/** Bounds what makes the parser slow. */
class Effort {
  #inside = 0;
  #detours = 0;

  inside(characters: number): void {
    this.#inside += characters;
    if (this.#inside > MAX_INSIDE) throw new TemplateError('limit', `has more than ${MAX_INSIDE} characters inside braces`);
  }

  detour(): void {
    this.#detours += 1;
    if (this.#detours > MAX_DETOURS) throw new TemplateError('limit', `has more than ${MAX_DETOURS} [segments] and {{!-- comments --}}`);
  }
}

/**
 * Prepares a source for the parser in one pass: bounds its length and depth before anything recurses over it, turns `a[0]` into `a.[0]`, and lets JSON's own brace
 * follow a mustache (`{"a":{{x}}}`), which the grammar would take for a raw close.
 */
export function prescan(source: string): Prescanned {
  if (source.length > MAX_SOURCE) throw new TemplateError('limit', `is longer than ${MAX_SOURCE} characters`);
  const inserted: { at: number; text: string }[] = [];
  const depth = new BlockDepth();
  const effort = new Effort();
  const bracket = (at: number, followsName: boolean): void => {
    effort.detour();
    if (followsName) inserted.push({ at, text: '.' });
  };
  let contentStart = 0;
  for (let open = source.indexOf('{{'); open !== -1; open = source.indexOf('{{', contentStart)) {
    if (isEscaped(source, contentStart, open)) {
      contentStart = open + 2;
      continue;
    }
    if (source.startsWith('{{{{', open)) throw new TemplateError('syntax', `${placeOf(source, open)}: raw blocks ({{{{) are not supported`);
    const begin = startsAt(BEGIN, source, open + 2)?.[1]?.trim() ?? '';
    let end: number;
    if (begin === '!') {
      end = endOfComment(source, open);
      if (source.startsWith('--', source.indexOf('!', open) + 1)) effort.detour();
    } else {
      end = endOfMustache(source, open, bracket);
      effort.inside((end === -1 ? source.length : end) - open);
      if (begin === '#') depth.enter();
      else if (begin === '/') depth.leave();
      else if ((begin === '^' || begin === 'else') && startsAt(BARE_INVERSE, source, open + 2) === null) {
        if (begin === '^') depth.enter();
        else depth.deeper();
      }
    }
    if (end === -1) break; // the parser says where
    if (source[end] === '}' && begin !== '!') inserted.push({ at: end, text: '{{!}}' });
    contentStart = end;
  }
  return splice(source, inserted);
}

const NEWLINE = /\r\n?|\n/g;

const placeOf = (source: string, at: number): string => {
  const before = source.slice(0, at).split(NEWLINE);
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
};

function splice(source: string, inserted: readonly { at: number; text: string }[]): Prescanned {
  const parts: string[] = [];
  const shifts: { line: number; column: number; length: number }[] = [];
  let from = 0;
  let line = 1;
  let column = 0;
  const append = (piece: string): void => {
    const lines = piece.split(NEWLINE);
    line += lines.length - 1;
    column = lines.length === 1 ? column + piece.length : (lines.at(-1) ?? '').length;
    parts.push(piece);
  };
  for (const { at, text } of inserted) {
    append(source.slice(from, at));
    shifts.push({ line, column, length: text.length });
    append(text);
    from = at;
  }
  parts.push(source.slice(from));
  const place = (atLine: number, atColumn: number): string => {
    let shift = 0;
    for (const entry of shifts) if (entry.line === atLine && entry.column < atColumn) shift += entry.length;
    return `line ${atLine}, column ${atColumn - shift + 1}`;
  };
  return { text: parts.join(''), place };
}
