import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HELPERS } from './helpers/index.ts';
import {
  evaluate,
  expressionIssue,
  getPath,
  parsePath,
  referencesOf,
  removePath,
  render,
  renderJson,
  renderValue,
  setPath,
  TemplateError,
  templateIssue,
} from './index.ts';

/** Nothing but a TemplateError may come out: anything else fails the property. Undefined after one. */
function only<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof TemplateError)) throw thrown;
    return undefined;
  }
}

const succeeds = (work: () => unknown): boolean => only(() => [work()]) !== undefined;

const TRICKY = ['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf'];
const names = fc.constantFrom('a', 'b', 'data', 'list', 'this', '..', '@root', '@index', '../a', '[x y]', 'a[0]', ...TRICKY);
const literal = fc.constantFrom('"text"', "'x'", '1', '-2.5', 'true', 'null', 'undefined', '"["', '"{{"', '"}}"', '"(a+)+"');
const helper = fc.constantFrom(...Object.keys(HELPERS), 'nope', ...TRICKY);
const path = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));

const { template } = fc.letrec<{ template: string; argument: string }>((tie) => ({
  argument: fc.oneof(
    { depthSize: 'small' },
    path,
    literal,
    fc.tuple(helper, fc.array(tie('argument'), { maxLength: 3 })).map(([name, args]) => `(${[name, ...args].join(' ')})`),
  ),
  template: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('text ', '\\{{', '\\\\', '}', '\n  ', '{{!-- c --}}', '{{else}}', '{{/if}}', '"', '{{'),
    path.map((value) => `{{${value}}}`),
    fc.tuple(helper, fc.array(tie('argument'), { maxLength: 4 })).map(([name, args]) => `{{~${[name, ...args].join(' ')}}}`),
    fc
      .tuple(fc.constantFrom('if', 'unless', 'each', 'with', 'a', 'constructor'), tie('argument'), tie('template'), tie('template'))
      .map(([name, arg, body, other]) => `{{#${name} ${arg} as |p q|}}${body}{{else}}${other}{{/${name}}}`),
    fc.tuple(tie('template'), tie('template')).map(([a, b]) => a + b),
  ),
}));

/** Contexts with every kind of value, keys of prototypes among them, on objects whose prototypes say so when they are read. */
const json = fc.jsonValue({ maxDepth: 3 });
const context = fc.record({
  a: json,
  b: fc.oneof(fc.string(), fc.double(), fc.constant(undefined), fc.date({ noInvalidDate: false })),
  data: fc.dictionary(fc.constantFrom('a', 'x y', ...TRICKY), json),
  list: fc.array(json, { maxLength: 4 }),
});

/** Like the value, but each plain object in it has a prototype that counts reads. */
function guarded(value: unknown, touched: string[]): unknown {
  if (Array.isArray(value)) return value.map((entry) => guarded(entry, touched));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const prototype = new Proxy(Object.create(null) as object, {
    get: (_, key) => {
      if (key !== 'toJSON' && typeof key === 'string') touched.push(key); // JSON.stringify asks for toJSON, which is nothing here
      return undefined;
    },
  });
  const object = Object.create(prototype) as Record<string, unknown>;
  for (const [key, entry] of Object.entries(value))
    Object.defineProperty(object, key, { value: guarded(entry, touched), enumerable: true, configurable: true, writable: true });
  return object;
}

it('renders any template over any context, or says why not', () => {
  fc.assert(
    fc.property(template, context, (source, over) => {
      const touched: string[] = [];
      const value = guarded(over, touched);
      const text = only(() => render(source, value));
      expect(text ?? '').not.toContain('[native code]');
      expect(templateIssue(source) !== undefined && text !== undefined).toBe(false);
      only(() => renderValue(source, value));
      only(() => renderJson(source, value));
      only(() => referencesOf(source));
      expect(touched).toEqual([]);
    }),
    { numRuns: 3_000 },
  );
});

it('takes any text for a template or an expression, or says why not', () => {
  const unit = fc.constantFrom(
    '{{',
    '}}',
    '{',
    '}',
    '#',
    '/',
    'if',
    'each',
    'a',
    ' ',
    '.',
    '[',
    ']',
    '(',
    ')',
    '"',
    "'",
    '\\',
    '~',
    '!',
    '--',
    '|',
    'as',
    '=',
    '@',
    '^',
    '&',
    '>',
    '*',
    '\n',
    '\0',
    'else',
    '1',
    '+',
    '?',
    ':',
    '<',
    'ü',
    '💧',
  );
  const soup = fc.oneof(fc.string({ unit, maxLength: 40 }), fc.string({ maxLength: 40 }));
  fc.assert(
    fc.property(soup, (source) => {
      const issue = only(() => templateIssue(source));
      const rendered = only(() => render(source, { a: 1 }));
      expect(issue === undefined).toBe(rendered !== undefined);
      only(() => referencesOf(source));
      const wrong = only(() => expressionIssue(source));
      const evaluates = succeeds(() => evaluate(source, { a: 1 }));
      expect(wrong === undefined).toBe(evaluates);
    }),
    { numRuns: 3_000 },
  );
});

it('evaluates any expression over any context, or says why not', () => {
  const operand = fc.oneof(
    path.map((value) => `{{${value}}}`),
    literal,
    fc.constantFrom('PI', '(', ')', '!', 'length({{list}})', 'max(1,2)'),
  );
  const operator = fc.constantFrom(
    '+',
    '-',
    '*',
    '/',
    '%',
    '^',
    '==',
    '===',
    '!=',
    '!==',
    '<',
    '>',
    '<=',
    '>=',
    '&&',
    '||',
    '<<',
    '>>',
    '?',
    ':',
  );
  const expression = fc
    .array(fc.tuple(operand, operator), { minLength: 1, maxLength: 5 })
    .map((pairs) => `${pairs.flat().join(' ')} {{a}}`);
  fc.assert(
    fc.property(expression, context, (source, over) => {
      const touched: string[] = [];
      only(() => evaluate(source, guarded(over, touched)));
      expect(touched).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

it('every helper bears any arguments', () => {
  const value = fc.oneof(json, fc.date({ noInvalidDate: false }), fc.constant(undefined), fc.string({ maxLength: 400 }), fc.double());
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(HELPERS)), fc.array(value, { maxLength: 5 }), (name, args) => {
      const params = args.map((_, i) => `args.[${i}]`).join(' ');
      only(() => render(`{{${name} ${params} tz=args.[0] locale=args.[1]}}`, { args }));
    }),
    { numRuns: 3_000 },
  );
});

it('what is set at a path is read there, and nothing else changes', () => {
  const segment = fc.oneof(
    fc.constantFrom('a', 'x y', '0', 'constructor', 'toString'),
    fc.string({ minLength: 1, maxLength: 5 }).filter((text) => !/[[\]]/.test(text) && text !== '__proto__'),
  );
  fc.assert(
    fc.property(
      fc.array(segment, { minLength: 1, maxLength: 4 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'x y'), json),
      json,
      (segments, payload, value) => {
        const at = segments.map((one) => `[${one}]`).join('.');
        expect(parsePath(at)).toEqual(segments);
        const before = JSON.stringify(payload);
        const changed = only(() => setPath(payload, at, value));
        fc.pre(changed !== undefined);
        expect(getPath(changed, at)).toEqual(value);
        expect(Object.is(getPath(removePath(changed, at), at), value)).toBe(false);
        expect(JSON.stringify(payload)).toBe(before);
        expect(Object.keys(Object.prototype)).toEqual([]);
      },
    ),
  );
});

it('a path is a path or it isn’t, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '.', '[', ']', ' ', '0', '{', '_'), maxLength: 15 }), (text) => {
      const segments = parsePath(text);
      expect(getPath({ a: [{ a: 1 }] }, text) === undefined || segments !== undefined).toBe(true);
      expect(segments === undefined && succeeds(() => setPath({}, text, 1))).toBe(false);
    }),
  );
});
