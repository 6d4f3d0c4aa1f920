import { describe, expect, it } from 'vitest';
import { evaluate, expressionIssue } from '../index.ts';

const context = { data: { n: 5, s: 'on', text: '5', list: [1, 2, 3], zero: 0, object: { a: 'x' }, when: new Date(0) } };
const NaN_ = Number.NaN;

describe('operators', () => {
  it.each([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['10 - 4 - 3', 3],
    ['2 ^ 3 ^ 2', 512],
    ['-2 ^ 2', -4],
    ['2 ^ -1', 0.5],
    ['2 * -3', -6],
    ['10 % 4', 2],
    ['7 / 2', 3.5],
    ['1 << 3', 8],
    ['-16 >> 2', -4],
    ['1 + 1 << 1', 4],
    ['1 < 2 == true', true],
    ['"a" + 1', 'a1'],
    ['"10" > "9"', false],
    ['"10" > 9', true],
    ['1 == "1"', true],
    ['1 === "1"', false],
    ['null == undefined', true],
    ['null === undefined', false],
    ['1 != "1"', false],
    ['1 !== "1"', true],
    ['!0', true],
    ['!!"a"', true],
    ['true && "b"', 'b'],
    ['0 || "b"', 'b'],
    ['false && 1 || 2', 2],
    ['true ? 1 : 2', 1],
    ['false ? 1 : true ? 2 : 3', 2],
    ['1 > 2 || 2 > 1 ? "y" : "n"', 'y'],
    [`'it\\'s' + "\\u0041\\n"`, "it'sA\n"],
    ['.5 + 1e3', 1000.5],
    ['PI > 3 && E > 2', true],
  ])('%s', (source, value) => expect(evaluate(source, context)).toEqual(value));
});

describe('functions', () => {
  it.each([
    ['max(1, 2, {{data.n}})', 5],
    ['min(3, 2)', 2],
    ['round(2.5) + floor(2.9) + ceil(2.1) + trunc(-2.9)', 6],
    ['sqrt(16) + abs(-1)', 5],
    ['pow(2, 10)', 1024],
    ['atan2(0, 1) + sin(0) + tan(0) + asin(0) + sinh(0) + asinh(0) + atanh(0) + acosh(1) + acos(1) + atan(0) + tanh(0)', 0],
    ['cos(0) + cosh(0) + exp(0)', 3],
    ['log(E) + log10(100)', 3],
    ['length({{data.list}}) + length("ab") + length({{data.object}})', 6],
    ['includes({{data.list}}, 2) && includes("abc", "b") && includes({{data.object}}, "x")', true],
  ])('%s', (source, value) => expect(evaluate(source, context)).toBeCloseTo(Number(value)));
});

describe('variables in braces', () => {
  it.each([
    ['{{data.n}} === 5', true],
    ['{{data.s}} === "on"', true],
    ['{{data.text}} === 5', false],
    ['{{data.text}} == 5', true],
    ['{{data.list}}', [1, 2, 3]],
    ['{{data.list[1]}} + {{data.list.[2]}}', 5],
    ['{{missing}}', undefined],
    ['{{missing.more}} * 2', NaN_],
    ['!{{missing}}', true],
    ['{{missing}} == null', true],
    ['{{upper data.s}} === "ON"', true],
    [`{{format data.when 'YYYY'}} === '1970'`, true],
    ['{{data.when}} < 1', true],
    ['{{{data.n}}} + 1', 6],
    ['"{{data.n}}"', '{{data.n}}'],
  ])('%s', (source, value) => expect(evaluate(source, context)).toEqual(value));

  it('evaluates only the side it needs', () => {
    expect(evaluate('true || {{jsonEncode data}}', context)).toBe(true);
    expect(evaluate('{{data.zero}} && 1', context)).toBe(0);
  });

  it('gives lists and objects no number', () => expect(evaluate('{{data.list}} * 1', context)).toBeNaN());
});

describe('what is refused, with its place', () => {
  it.each([
    ['', /column 1: ends where a value should stand/],
    ['1 +', /column 4: ends/],
    ['1 2', /column 3: a number stands where an operator/],
    ['foo', /column 1: foo is not known; a path stands in braces/],
    ['data.temp > 5', /column 1: data\.temp is not known; a path stands in braces: \{\{data\.temp}}/],
    ['nope(1)', /nope is not a known function/],
    ['sin', /sin is a function/],
    ['sin()', /sin takes 1 argument/],
    ['pow(1)', /pow takes 2 argument/],
    ['(1', /a \) is missing \(for column 1\)/],
    ['1)', /column 2: \) stands/],
    ['true ? 1', /a : is missing/],
    ['"abc', /not closed by a quote/],
    ['{{a', /the {{ is not closed/],
    ['{{#if a}}{{/if}}', /in the braces/],
    ['{{! c }}', /no block and no comment/],
    ['{{nope 1}} > 2', /nope is not a helper/],
    ['1 = 2', /column 3: an unexpected character/],
    ['1 & 2', /unexpected character/],
    ['a[0]', /a\[0\] is not known/],
    ['5px', /is not a number/],
    ['* 2', /\* stands where a value should/],
    ['constructor', /constructor is not known/],
    ['toString()', /toString is not a known function/],
    ['typeof 1', /typeof is not known/],
  ])('%s', (source, issue) => {
    expect(expressionIssue(source)).toMatch(issue);
    expect(() => evaluate(source, {})).toThrow(expect.objectContaining({ code: 'syntax' }));
  });

  it('quotes no literal', () => expect(expressionIssue('"hunter2" "hunter2"')).not.toMatch(/hunter2/));
});
