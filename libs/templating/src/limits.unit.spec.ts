import { describe, expect, it } from 'vitest';
import { Budget } from './budget.ts';
import { evaluate, expressionIssue, render, renderValue, TemplateError, templateIssue } from './index.ts';
import { MAX_SOURCE, MAX_STEPS } from './limits.ts';
import { Lru } from './lru.ts';

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
  } catch (thrown) {
    return thrown instanceof TemplateError ? thrown.code : undefined;
  }
  return undefined;
};
const fill = (piece: string, before = '', after = ''): string =>
  before + piece.repeat(Math.floor((MAX_SOURCE - before.length - after.length) / piece.length)) + after;

describe('a source', () => {
  it('may have 262,144 characters and not one more', () => {
    expect(templateIssue('x'.repeat(MAX_SOURCE))).toBeUndefined();
    expect(templateIssue('x'.repeat(MAX_SOURCE + 1))).toMatch(/longer than 262144/);
    expect(expressionIssue(' '.repeat(MAX_SOURCE) + '1')).toMatch(/longer than 262144/);
  });

  it.each([
    ['nested blocks', fill('{{#if a}}')],
    ['a chain of else if', fill('{{else if a}}', '{{#if a}}', '{{/if}}')],
    ['nested sub-expressions', fill('(upper ', '{{upper ')],
    ['many mustaches', fill('{{a}}')],
    ['a long path', fill('a.', '{{', 'a}}')],
    ['many arguments', fill('a ', '{{array ', '}}')],
    ['many segments in brackets', fill('{{[a]}}')],
    ['many long comments', fill('{{!--a--}}')],
    ['an unclosed text', fill('"', '{{a ')],
  ])('%s as long as it may be is refused before the parser works on it', (_, source) => expect(templateIssue(source)).toMatch(/than \d+/));

  it.each([
    ['parentheses', fill('(')],
    ['signs', fill('!')],
    ['choices', fill('1?')],
    ['a chain of operators', fill('1+', '', '1')],
    ['a chain of variables', fill('{{a}}+', '', '1')],
    ['arguments', fill('1,', 'max(', '1)')],
  ])('an expression of %s as long as it may be is refused', (_, source) => expect(expressionIssue(source)).toBeDefined());

  it.each([
    ['text', fill(' \n')],
    ['escapes', fill('\\{{')],
    ['backslashes', fill('\\', '', '{{a}}')],
    ['short comments', fill('{{!a}}')],
    ['braces', fill('}')],
  ])('%s as long as it may be still renders', (_, source) => expect(templateIssue(source)).toBeUndefined());
});

describe('a rendering', () => {
  const list = Array.from({ length: 2_000 }, (_, i) => i);
  const text = 'x'.repeat(1_000_000);

  it('stops after its steps', () => {
    expect(codeOf(() => render('{{#each l}}{{#each ../l}}{{this}}{{/each}}{{/each}}', { l: list }))).toBe('limit');
    expect(codeOf(() => render('{{#each l}}{{length (jsonEncode ../l)}}{{/each}}', { l: list }))).toBe('limit');
    expect(codeOf(() => render('{{#each l}}{{length (upper ../text)}}{{/each}}', { l: list, text }))).toBe('limit');
  });

  it('stops at its length', () => {
    expect(codeOf(() => render('{{#each l}}{{../text}}{{/each}}', { l: list, text }))).toBe('limit');
    expect(codeOf(() => render('{{x}}', { x: '12345678901' }, { maxLength: 10 }))).toBe('limit');
    expect(render('{{x}}', { x: '1234567890' }, { maxLength: 10 })).toBe('1234567890');
    expect(codeOf(() => render('{{length (join l text)}}', { l: list, text }))).toBe('limit');
    expect(codeOf(() => render('{{length (jsonEncode this)}}', { [text]: 1 }, { maxLength: 1_000 }))).toBe('limit');
  });

  it('stops what grows by doubling', () => {
    const doubled = `${'{{#with (array this this)}}'.repeat(60)}{{jsonEncode this}}${'{{/with}}'.repeat(60)}`;
    expect(codeOf(() => render(doubled, { a: 1 }))).toBe('limit');
    expect(codeOf(() => render(doubled.replace('jsonEncode this', 'this'), { a: 1 }))).toBe('limit');
    expect(codeOf(() => renderValue(`{{array ${'. '.repeat(5_000)}}}`, { list }))).toBe('limit');
    let escaped = 'text';
    for (let i = 0; i < 60; i++) escaped = `(encodeBase64 ${escaped})`;
    expect(codeOf(() => render(`{{length ${escaped}}}`, { text: '%'.repeat(1_000) }))).toBe('limit');
  });

  it('stops at values that hold themselves', () => {
    const cycle: Record<string, unknown> = { list: [] };
    cycle['self'] = cycle;
    (cycle['list'] as unknown[]).push(cycle['list']);
    expect(codeOf(() => render('{{jsonEncode this}}', cycle))).toBe('limit');
    expect(codeOf(() => render('{{list}}', cycle))).toBe('limit');
    expect(codeOf(() => render('{{toHtml list}}', cycle))).toBe('limit');
  });

  it('stops templates that render themselves', () => {
    expect(codeOf(() => render('{{template t}}', { t: '{{template t}}' }))).toBe('limit');
    expect(codeOf(() => render('{{evalExpression e}}', { e: '{{evalExpression e}}' }))).toBe('limit');
    expect(codeOf(() => evaluate('{{template t}}', { t: '{{evalExpression "{{template t}}"}}' }))).toBe('limit');
  });

  it('bounds formats', () => {
    expect(codeOf(() => render('{{format 1 "1000000000d"}}', {}))).toBe('limit');
    expect(codeOf(() => render('{{formatDate 1 f}}', { f: 'L'.repeat(257) }))).toBe('limit');
  });

  it('spends no more steps on a longer list than in proportion', () => {
    const stepsFor = (length: number): number => {
      const budget = new Budget();
      budget.measure(Array.from({ length }, () => 'entry'));
      return budget.used;
    };
    expect(stepsFor(20_000) / stepsFor(10_000)).toBeCloseTo(2, 1);
    expect(stepsFor(20_000)).toBeLessThan(MAX_STEPS);
  });
});

describe('what was parsed last', () => {
  it('is kept up to a number of entries and of characters', () => {
    const kept = new Lru<number>(3, 100);
    const made: string[] = [];
    const get = (source: string): number => kept.get(source, (s) => made.push(s));
    for (const source of ['a', 'b', 'c', 'a', 'd', 'a', 'b']) get(source);
    expect(made).toEqual(['a', 'b', 'c', 'd', 'b']);
    for (let i = 0; i < 50; i++) get(`${i}`.padStart(25, 'x'));
    expect(kept.characters).toBeLessThanOrEqual(100);
    get('y'.repeat(26));
    get('y'.repeat(26));
    expect(made.filter((source) => source.startsWith('y'))).toHaveLength(2);
  });

  it('leaves no trace of what did not parse', () => {
    const kept = new Lru<number>(3, 100);
    expect(() =>
      kept.get('x', () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(kept.size).toBe(0);
  });
});
