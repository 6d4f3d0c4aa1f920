import { describe, expect, it } from 'vitest';
import { render, renderJson, renderValue, TemplateError, templateIssue } from './index.ts';

const context = {
  data: {
    n: 5,
    zero: 0,
    on: 'on',
    yes: true,
    html: '<a href="x">&\'</a>',
    list: [1, [2, null, undefined], { x: 1 }, 'z'],
    object: { k: 1, l: 'two' },
    items: [
      { name: 'a', tags: ['x', 'y'] },
      { name: 'b', tags: [] },
    ],
    'key with space': 7,
    length: 12,
  },
  time: new Date(1_700_000_000_000),
};

const text = (source: string): string => render(source, context);

describe('values as text', () => {
  it.each([
    ['{{data.n}} {{data.zero}} {{data.yes}}', '5 0 true'],
    ['[{{missing}}{{data.missing.more}}{{nothing}}]', '[]'],
    ['{{data.list}}', '1,2,,,[object Object],z'],
    ['{{data.object}}', '[object Object]'],
    ['{{time}}', 'Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)'],
    ['{{data.html}}', '<a href="x">&\'</a>'],
    ['{{{data.html}}}{{&data.n}}', '<a href="x">&\'</a>5'],
    ['no braces at all', 'no braces at all'],
    ['', ''],
  ])('%s', (source, rendered) => expect(text(source)).toBe(rendered));
});

describe('paths', () => {
  it.each([
    ['{{data.list.[0]}}{{data.list[0]}}{{data.list[1][0]}}', '112'],
    ['{{data.[key with space]}}', '7'],
    ['{{data.on.[1]}}{{data.on.length}}', 'n2'],
    ['{{data/n}}', '5'],
    ['{{this.data.n}}{{./data.n}}', '55'],
    ['{{(lookup data "object").l}}', 'two'],
    ['{{upper "a[0]"}}', 'A[0]'],
  ])('%s', (source, rendered) => expect(text(source)).toBe(rendered));

  it.each([
    'constructor',
    'data.constructor.name',
    'data.__proto__.x',
    'data.list.map',
    'data.on.toUpperCase',
    'toString',
    '@root.constructor',
  ])('{{%s}} reaches no prototype', (path) => expect(text(`[{{${path}}}]`)).toBe('[]'));
});

describe('blocks', () => {
  it.each([
    ['{{#if data.n}}y{{else}}n{{/if}}{{#if data.zero}}y{{else}}n{{/if}}{{#if missing}}y{{/if}}', 'yn'],
    ['{{#if data.zero includeZero=true}}y{{/if}}', 'y'],
    ['{{#unless missing}}y{{else}}n{{/unless}}', 'y'],
    ['{{#if missing}}1{{else if data.zero}}2{{else if data.n}}3{{else}}4{{/if}}', '3'],
    ['{{^if data.n}}n{{else}}y{{/if}}', 'y'],
    ['{{#with data.object}}{{k}}{{l}}{{../data.n}}{{/with}}', '1two5'],
    ['{{#with missing}}y{{else}}n{{/with}}', 'n'],
    ['{{#with data.object as |o|}}{{o.k}}{{/with}}', '1'],
    ['{{#each data.items}}{{@index}}{{@first}}{{@last}}{{name}} {{/each}}', '0truefalsea 1falsetrueb '],
    ['{{#each data.object}}{{@key}}={{this}};{{/each}}', 'k=1;l=two;'],
    ['{{#each data.items as |item i|}}{{i}}{{item.name}}{{/each}}', '0a1b'],
    ['{{#each missing}}x{{else}}none{{/each}}{{#each data.items.[1].tags}}x{{else}}none{{/each}}', 'nonenone'],
    ['{{#each data.items}}{{#each tags}}{{../name}}{{@../index}}{{this}}{{@root.data.n}} {{/each}}{{/each}}', 'a0x5 a0y5 '],
    ['{{#each data.items}}{{#if name}}{{../data.n}}{{/if}}{{/each}}', '55'],
    ['{{#data.items}}{{name}}{{else}}none{{/data.items}}{{^missing}}none{{/missing}}{{#data.object}}{{k}}{{/data.object}}', 'abnone1'],
    ['{{#eq data.on "on"}}y{{/eq}}{{#ne data.on "off"}}y{{/ne}}{{#eq data.n 5}}y{{/eq}}{{#eq data.n "5"}}n{{else}}y{{/eq}}', 'yyyy'],
    [
      '{{#gt data.n 4}}y{{/gt}}{{#gte data.n 5}}y{{/gte}}{{#lt data.n "10"}}y{{/lt}}{{#lte data.n 4}}n{{/lte}}{{#gt missing 1}}n{{/gt}}',
      'yyy',
    ],
    ['{{#match data.on "^o[nf]+$"}}y{{else}}n{{/match}}', 'y'],
    ['{{#includes data.list 1}}y{{/includes}}{{#includes data.on "n"}}y{{/includes}}{{#includes data.object "two"}}y{{/includes}}', 'yyy'],
    ['{{#if (eq (lower "ON") data.on)}}y{{/if}}', 'y'],
  ])('%s', (source, rendered) => expect(text(source)).toBe(rendered));
});

describe('white space, comments and escapes', () => {
  it.each([
    ['a {{~data.n~}} b', 'a5b'],
    ['{{#if data.n}}\n  x\n{{else}}\n  y\n{{/if}}\nz', '  x\nz'],
    ['a{{! c }}b{{!-- }} {{x --}}c{{~! d ~}} e', 'abce'],
    ['\\{{data.n}} {{data.n}}', '{{data.n}} 5'],
    ['\\\\{{data.n}}', '\\5'],
    ['{{#each data.items}}{{name}}{{#unless @last}}, {{/unless}}{{/each}}', 'a, b'],
  ])('%j', (source, rendered) => expect(text(source)).toBe(rendered));

  it('lets JSON’s own braces follow a mustache', () => {
    expect(renderJson('{"a":{"b":{{data.n}}}}', context)).toEqual({ a: { b: 5 } });
    expect(renderJson('{"a":{{{jsonEncode data.object}}}}', context)).toEqual({ a: { k: 1, l: 'two' } });
    expect(text('{{#if data.n}}}{{/if}}}')).toBe('}}');
  });
});

describe('a name that is both a helper’s and a property’s', () => {
  it('is the property where it stands alone and there is one', () => {
    expect(text('{{#with data}}{{length}}{{/with}}')).toBe('12');
    expect(text('{{#with data.object}}[{{length}}]{{/with}}')).toBe('[]');
    expect(text('{{#each data.items as |last|}}{{last.name}}{{/each}}')).toBe('ab');
  });

  it('is the helper where it has arguments', () => expect(text('{{#with data}}{{length list}}{{/with}}')).toBe('4'));
});

describe('a lone reference', () => {
  it.each([
    ['{{data.n}}', 5],
    ['{{{data.list.[1]}}}', [2, null, undefined]],
    ['{{data.missing}}', undefined],
    ['{{add data.n 1}}', 6],
    ['{{jsonDecode "[1,2]"}}', [1, 2]],
    ['{{eq data.n 5}}', true],
    ['{{data.n}}{{! nothing }}', 5],
    [' {{data.n}}', ' 5'],
    ['{{data.n}}{{data.n}}', '55'],
    ['{{#if data.n}}{{data.n}}{{/if}}', '5'],
    ['text', 'text'],
  ])('%s keeps its type, and nothing else does', (source, value) => expect(renderValue(source, context)).toEqual(value));

  it('is the value itself, not a copy', () => expect(renderValue('{{data.object}}', context)).toBe(context.data.object));
});

describe('a JSON template', () => {
  it('is what it parses to', () => {
    expect(renderJson('{"s":"{{data.on}}","n":{{data.n}},"o":{{jsonEncode data.object}}}', context)).toEqual({
      s: 'on',
      n: 5,
      o: { k: 1, l: 'two' },
    });
  });

  it('names the place when it isn’t JSON, and never the value', () => {
    const secret = { key: 'hunter2"' };
    const failure = (): unknown => renderJson('{"a": "{{key}}"}', secret);
    expect(failure).toThrow(expect.objectContaining({ code: 'json' }));
    expect(failure).not.toThrow(/hunter2/);
    expect(() => renderJson('{{missing}}', {})).toThrow(/renders to nothing/);
  });
});

describe('what is refused, with its place', () => {
  it.each([
    ['{{foo 1}}', /line 1, column 1: foo is not a helper/],
    ['a\n  {{nope.more x}}', /line 2, column 3: nope\.more is not a helper/],
    ['{{add (nope 1) 2}}', /nope is not a helper/],
    ['{{a[0]}} {{b[1]}} {{foo 1}}', /line 1, column 19: foo/],
    ['{{#nope a}}{{/nope}}', /nope is not a helper/],
    ['{{#upper a}}{{/upper}}', /upper is not a block helper/],
    ['{{if a}}', /if is a block/],
    ['{{#if}}{{/if}}', /if takes one argument/],
    ['{{#eq a}}{{/eq}}', /eq takes 2 arguments/],
    ['{{#if a}}', /the end of the template/],
    ['{{#if a}}{{/each}}', /closed by another name/],
    ['{{/if}}', /line 1/],
    ['{{else}}', /line 1/],
    ['{{a', /line 1/],
    ['{{a}', /line 1/],
    ['{{a "x}}', /line 1/],
    ['{{}}', /line 1/],
    ['{{a.b.this}}', /can only begin a path/],
    ['{{> part}}', /partials/],
    ['{{#> part}}{{/part}}', /partials/],
    ['{{* decorated}}', /decorators/],
    ['{{#*inline "x"}}{{/inline}}', /decorators/],
    ['{{{{raw}}}}{{{{/raw}}}}', /raw blocks/],
    ['{{a=1}}', /not supported/],
    ['{{#match a "(?=x)"}}{{/match}}', /match can't use its pattern/],
    ['{{!-- never closed', /line 1/],
  ])('%j', (source, issue) => {
    expect(templateIssue(source)).toMatch(issue);
    expect(() => render(source, {})).toThrow(expect.objectContaining({ name: 'TemplateError', code: 'syntax' }));
  });

  it('accepts a plain unknown path: it is just undefined', () => expect(templateIssue('{{what.ever}}')).toBeUndefined());

  it.each([
    '{{"hunter2" [}}',
    '{{#"hunter2"}}{{/if}}',
    '{{a "hunter2" b}}',
    '{{#eq a "hunter2" 3}}{{/eq}}',
    '{{#match a "hunter2("}}{{/match}}',
    'x "hunter2 {{a',
  ])('quotes no literal of the template: %s', (source) => expect(templateIssue(source)).toMatch(/^(?!.*hunter2)/));
});

it('is an error of a known kind', () => {
  const error = new TemplateError('limit', 'too much');
  expect(error).toBeInstanceOf(Error);
  expect(error.code).toBe('limit');
});
