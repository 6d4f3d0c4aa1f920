import { TemplateError } from '../error.ts';

/** Longest pattern of `match`, and the most states it may come to once its counted repetitions are written out. */
export const MAX_PATTERN = 256;
const MAX_STATES = 2_000;
const MAX_GROUPS = 50;
const MAX_BUILD_STEPS = 20_000;

export type Test = (code: number) => boolean;
export type Anchor = 'start' | 'end' | 'boundary' | 'inside';

/** One state of the automaton; what its test costs is its weight. `next` and `other` are indexes of states. */
export type State =
  | { readonly kind: 'character'; readonly test: Test; readonly weight: number; next: number }
  | { readonly kind: 'anchor'; readonly anchor: Anchor; next: number }
  | { readonly kind: 'split'; next: number; other: number }
  | { readonly kind: 'end' };

type Piece =
  | { readonly kind: 'character'; readonly test: Test; readonly weight: number }
  | { readonly kind: 'anchor'; readonly anchor: Anchor }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Piece[] }
  | { readonly kind: 'repeat'; readonly part: Piece; readonly min: number; readonly max: number };

const between = (low: string, high: string): Test => {
  const [from, to] = [low.charCodeAt(0), high.charCodeAt(0)];
  return (code) => code >= from && code <= to;
};
const isDigit = between('0', '9');
const isWord: Test = (code) => isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace: Test = (code) => /\s/.test(String.fromCharCode(code));
const isNewline: Test = (code) => code === 10 || code === 13 || code === 0x2028 || code === 0x2029;
const not =
  (test: Test): Test =>
  (code) =>
    !test(code);

export const isWordCode = isWord;

const CLASSES: Readonly<Record<string, Test>> = { d: isDigit, D: not(isDigit), w: isWord, W: not(isWord), s: isSpace, S: not(isSpace) };
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, v: 11, f: 12, '0': 0 };

const wrong = (why: string): TemplateError => new TemplateError('syntax', `a regular expression ${why}`);

/** Reads JavaScript's syntax without what can't be matched in linear time: no look-around, no back-references. */
class PatternParser {
  readonly #source: string;
  #at = 0;
  #groups = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Piece {
    const piece = this.#choice();
    if (this.#at < this.#source.length) throw wrong('has a ) too many');
    return piece;
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): Piece {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'choice', parts };
  }

  #sequence(): Piece {
    const parts: Piece[] = [];
    for (let c = this.#peek(); c !== undefined && c !== '|' && c !== ')'; c = this.#peek()) parts.push(this.#repeated(this.#atom()));
    return { kind: 'sequence', parts };
  }

  #repeated(part: Piece): Piece {
    let [min, max] = [1, 1];
    const counted = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#source.slice(this.#at, this.#at + 12));
    if (this.#take('*')) [min, max] = [0, Number.POSITIVE_INFINITY];
    else if (this.#take('+')) [min, max] = [1, Number.POSITIVE_INFINITY];
    else if (this.#take('?')) [min, max] = [0, 1];
    else if (counted !== null) {
      this.#at += counted[0].length;
      min = Number(counted[1]);
      max = counted[2] === undefined ? min : counted[3] === '' ? Number.POSITIVE_INFINITY : Number(counted[3]);
      if (max < min) throw wrong('repeats from more to fewer');
    } else return part;
    this.#take('?'); // a lazy one matches the same subjects
    if (part.kind === 'anchor' || /^[*+?]/.test(this.#peek() ?? '')) throw wrong('repeats nothing');
    return { kind: 'repeat', part, min, max };
  }

  #atom(): Piece {
    const c = this.#source[this.#at];
    this.#at += 1;
    switch (c) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'character', ...this.#set() };
      case '.':
        return { kind: 'character', test: not(isNewline), weight: 1 };
      case '^':
        return { kind: 'anchor', anchor: 'start' };
      case '$':
        return { kind: 'anchor', anchor: 'end' };
      case '\\':
        if (this.#take('b')) return { kind: 'anchor', anchor: 'boundary' };
        if (this.#take('B')) return { kind: 'anchor', anchor: 'inside' };
        return { kind: 'character', test: this.#escape().test, weight: 1 };
      case '*':
      case '+':
      case '?':
        throw wrong('repeats nothing');
      default:
        return { kind: 'character', test: equals((c ?? '').charCodeAt(0)), weight: 1 };
    }
  }

  #group(): Piece {
    this.#groups += 1;
    if (this.#groups > MAX_GROUPS) throw new TemplateError('limit', `a regular expression has more than ${MAX_GROUPS} groups`);
    if (this.#take('?') && !this.#take(':')) throw wrong('may not look around or name groups');
    const piece = this.#choice();
    if (!this.#take(')')) throw wrong('has a ( that is not closed');
    return piece;
  }

  #escape(): { readonly test: Test; readonly code?: number } {
    const c = this.#peek();
    if (c === undefined) throw wrong('ends in a backslash');
    this.#at += 1;
    const known = CLASSES[c];
    if (known !== undefined) return { test: known };
    const control = CONTROLS[c];
    if (control !== undefined) return literal(control);
    const hex = /^(?:x([0-9a-f]{2})|u([0-9a-f]{4}))/i.exec(this.#source.slice(this.#at - 1, this.#at + 4));
    if (hex !== null) {
      this.#at += hex[0].length - 1;
      return literal(Number.parseInt(hex[1] ?? hex[2] ?? '', 16));
    }
    if (/[1-9k]/.test(c)) throw wrong('may not refer back to a group');
    if (/[a-zA-Z]/.test(c)) throw wrong('has an unknown escape');
    return literal(c.charCodeAt(0));
  }

  #set(): { readonly test: Test; readonly weight: number } {
    const negated = this.#take('^');
    const tests: Test[] = [];
    while (!this.#take(']')) {
      const low = this.#member();
      if (this.#peek() === '-' && this.#source[this.#at + 1] !== ']' && low.code !== undefined) {
        this.#at += 1;
        const high = this.#member();
        if (high.code === undefined || high.code < low.code) throw wrong('has a range that is out of order');
        tests.push(between(String.fromCharCode(low.code), String.fromCharCode(high.code)));
      } else tests.push(low.test);
    }
    const any: Test = (code) => tests.some((test) => test(code));
    return { test: negated ? not(any) : any, weight: 1 + tests.length };
  }

  #member(): { readonly test: Test; readonly code?: number } {
    const c = this.#peek();
    if (c === undefined) throw wrong('has a [ that is not closed');
    this.#at += 1;
    if (c !== '\\') return literal(c.charCodeAt(0));
    return this.#take('b') ? literal(8) : this.#escape();
  }
}

const equals =
  (code: number): Test =>
  (other) =>
    other === code;
const literal = (code: number): { readonly test: Test; readonly code: number } => ({ test: equals(code), code });

/** Thompson's construction: states of an automaton that is run over the subject once. */
class Builder {
  readonly states: State[] = [];
  #steps = 0;

  add(state: State): number {
    if (this.states.length >= MAX_STATES) throw new TemplateError('limit', 'a regular expression repeats too much');
    this.states.push(state);
    return this.states.length - 1;
  }

  /** Adds what leads through a piece and on to `next`; returns where it begins. */
  build(piece: Piece, next: number): number {
    this.#steps += 1; // repeated empty groups add no state, but take time
    if (this.#steps > MAX_BUILD_STEPS) throw new TemplateError('limit', 'a regular expression repeats too much');
    switch (piece.kind) {
      case 'character':
      case 'anchor':
        return this.add({ ...piece, next });
      case 'sequence':
        return piece.parts.reduceRight((after, part) => this.build(part, after), next);
      case 'choice': {
        const [first, ...others] = piece.parts.map((part) => this.build(part, next));
        return others.reduce((left, right) => this.add({ kind: 'split', next: left, other: right }), first ?? next);
      }
      default: {
        let after = next;
        if (piece.max === Number.POSITIVE_INFINITY) {
          const loop = { kind: 'split' as const, next: 0, other: next };
          after = this.add(loop);
          loop.next = this.build(piece.part, after);
        } else
          for (let i = piece.min; i < piece.max; i++) {
            const optional = this.build(piece.part, after);
            after = this.add({ kind: 'split', next: optional, other: next });
          }
        for (let i = 0; i < piece.min; i++) after = this.build(piece.part, after);
        return after;
      }
    }
  }
}

export interface Automaton {
  readonly states: readonly State[];
  readonly start: number;
}

/** TemplateError `syntax` or `limit`; the pattern is not quoted. */
export function compilePattern(source: string): Automaton {
  if (source.length > MAX_PATTERN) throw new TemplateError('limit', `a regular expression is longer than ${MAX_PATTERN} characters`);
  const builder = new Builder();
  const end = builder.add({ kind: 'end' });
  return { start: builder.build(new PatternParser(source).parse(), end), states: builder.states };
}
