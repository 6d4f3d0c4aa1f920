import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Budget } from '../budget.ts';
import { checkPattern, matches } from './match.ts';

const isFound = (pattern: string, subject: string): boolean => matches(pattern, subject, new Budget());

it.each([
  ['', ''],
  ['^$', ''],
  ['a|b|', 'zzz'],
  ['^(on|off)$', 'off'],
  ['^[\\w.+-]+@[\\w-]+\\.[a-z]{2,}$', 'a.b+c@example.org'],
  ['\\bword\\b', 'a word here'],
  ['\\Bor', 'word'],
  ['^\\d{3}-\\d{2,4}$', '123-4567'],
  ['[^a-c]', 'd'],
  ['a.c', 'abc'],
  ['\\u0041\\x42\\/', 'AB/'],
  ['a{2', 'a{2'],
  ['(?:ab)+?c', 'ababc'],
])('finds %j in %j', (pattern, subject) => expect(isFound(pattern, subject)).toBe(true));

it.each([
  ['^a$', 'ab'],
  ['[]', 'a'],
  ['[]]?x', 'x'],
  ['A', 'a'],
  ['a.c', 'a\nc'],
  ['^\\d{3}$', '1234'],
  ['\\bor', 'word'],
])('doesn’t find %j in %j', (pattern, subject) => expect(isFound(pattern, subject)).toBe(false));

describe('refuses', () => {
  it.each(['(', ')', 'a)', '[', '[a', '*', 'a**', '^*', '[b-a]', '\\', '(?=a)', '(?<!a)', '(?<n>a)', '(a)\\1', '\\k', '\\q', 'a{3,2}'])(
    '%s',
    (pattern) => expect(() => checkPattern(pattern)).toThrow(expect.objectContaining({ code: 'syntax' })),
  );

  it.each(['x'.repeat(257), '(a{1000}){1000}', '((){9999}){9999}', '('.repeat(100) + ')'.repeat(100)])('%.20s… as too much', (pattern) =>
    expect(() => checkPattern(pattern)).toThrow(expect.objectContaining({ code: 'limit' })),
  );
});

it('finds what JavaScript’s own engine finds', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\w', '\\d', '\\b', '\\B', '^', '$');
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      atom,
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => a + b),
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(${a}|${b})`),
      fc.tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{2,}', '*?')).map(([a, times]) => `(?:${a})${times}`),
    ),
  }));
  const subject = fc.string({ unit: fc.constantFrom('a', 'b', '1', ' ', '\n'), maxLength: 12 });
  fc.assert(
    fc.property(pattern, subject, (source, text) => {
      fc.pre(source.length <= 100);
      expect(isFound(source, text)).toBe(new RegExp(source).test(text));
    }),
    { numRuns: 2_000 },
  );
});

it.each(['^(a+)+$', '(a|a)*b', '(a*)*b', 'a*a*a*a*a*b', '(.*)(.*)(.*)x', '^(([a-z])+.)+[A-Z]([a-z])+$'])(
  'takes steps in proportion to the subject for %s, which makes other engines hang',
  (pattern) => {
    const stepsFor = (length: number): number => {
      const budget = new Budget();
      matches(pattern, 'a'.repeat(length) + '!', budget);
      return budget.used;
    };
    expect(stepsFor(20_000) / stepsFor(10_000)).toBeLessThan(2.1);
  },
);
