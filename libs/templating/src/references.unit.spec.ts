import { expect, it } from 'vitest';
import { referencesOf } from './index.ts';

it.each([
  ['no braces', []],
  ['{{globals.key}}', ['globals.key']],
  ['{{{globals.a}}}:{{globals.b.c}}', ['globals.a', 'globals.b.c']],
  ['{{globals.a}}{{globals.a.b}}', ['globals.a']],
  ['{{upper globals.a}}{{add (length globals.b) globals.c}}', ['globals.a', 'globals.b', 'globals.c']],
  ['{{globals.[a key]}}{{globals.list[0]}}', ['globals.[a key]', 'globals.list.[0]']],
  ['{{#if globals.a}}{{globals.b}}{{else}}{{globals.c}}{{/if}}', ['globals.a', 'globals.b', 'globals.c']],
  ['{{#each globals.list}}{{name}}{{@index}}{{../globals.x}}{{@root.globals.y}}{{/each}}', ['globals.list', 'globals.x', 'globals.y']],
  ['{{#with globals.o as |o|}}{{o.a}}{{b}}{{/with}}', ['globals.o']],
  ['{{lookup globals globals.name}}', ['globals']],
  ['{{(lookup globals "a").b}}', ['globals']],
  ['{{evalExpression "1"}}', ['']],
  ['{{template globals.t globals.o}}', ['globals.o', 'globals.t']],
  ['{{this}}{{globals.a}}', ['']],
  ['{{jsonEncode @root}}', ['']],
  ['{{obj a=globals.a}}', ['globals.a']],
  ['{{#with this}}{{../x}}{{/with}}', ['']],
  ['{{#globals.s}}{{a}}{{/globals.s}}', ['globals.s']],
])('%s reads %j', (source, paths) => expect(referencesOf(source)).toEqual(paths));

it('refuses what doesn’t parse', () => expect(() => referencesOf('{{#if}}')).toThrow(expect.objectContaining({ code: 'syntax' })));
