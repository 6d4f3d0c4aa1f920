import { describe, expect, it } from 'vitest';
import { getPath, parsePath, removePath, setPath, TemplateError } from './index.ts';

describe('a payload path', () => {
  it.each([
    ['a', ['a']],
    ['a.b', ['a', 'b']],
    ['a.[0]', ['a', '0']],
    ['a[0]', ['a', '0']],
    ['a[0][1].b', ['a', '0', '1', 'b']],
    ['a.[key with space]', ['a', 'key with space']],
    ['a.[b.c].d', ['a', 'b.c', 'd']],
    ['[a b]', ['a b']],
    ['working.some-key_1', ['working', 'some-key_1']],
    ['.', []],
    ['  data.x ', ['data', 'x']],
  ])('%s has its segments', (path, segments) => expect(parsePath(path)).toEqual(segments));

  it.each(['', ' ', 'a.', '.a', 'a..b', 'a.[0', 'a.]', 'a.[0]b', '{{a}}', 'working.{{data.key}}', 'a'.repeat(5000)])('%j is none', (path) =>
    expect(parsePath(path)).toBeUndefined(),
  );
});

describe('reading', () => {
  const payload = { a: { b: [10, { c: 'text' }] }, 'key with space': 1, nothing: null };

  it.each([
    ['a.b.[0]', 10],
    ['a.b[1].c', 'text'],
    ['a.b.[1].c.[0]', 't'],
    ['a.b.length', 2],
    ['[key with space]', 1],
    ['nothing', null],
    ['nothing.more', undefined],
    ['a.x.y', undefined],
    ['a.b.[9]', undefined],
    ['a.', undefined],
  ])('%s', (path, value) => expect(getPath(payload, path)).toEqual(value));

  it('gives the whole payload for a lone dot', () => expect(getPath(payload, '.')).toBe(payload));

  it.each(['constructor', '__proto__', 'toString', 'a.b.map', 'a.constructor.name', 'a.__proto__.x'])('%s reaches no prototype', (path) =>
    expect(getPath(payload, path)).toBeUndefined(),
  );

  it('reads keys that happen to be called like something of a prototype, when they are the payload’s own', () => {
    expect(getPath(JSON.parse('{"constructor": "Tyrrell"}'), 'constructor')).toBe('Tyrrell');
  });
});

describe('writing', () => {
  it('copies what it changes and shares the rest', () => {
    const payload = { a: { b: 1 }, other: { c: 2 } };
    const changed = setPath(payload, 'a.b', 5) as typeof payload;
    expect(changed).toEqual({ a: { b: 5 }, other: { c: 2 } });
    expect(payload.a.b).toBe(1);
    expect(changed.other).toBe(payload.other);
  });

  it('makes the objects that are missing, and replaces what can hold nothing', () => {
    expect(setPath(undefined, 'working.x.y', 1)).toEqual({ working: { x: { y: 1 } } });
    expect(setPath({ working: 'text' }, 'working.x', 1)).toEqual({ working: { x: 1 } });
  });

  it('sets entries of a list, and fills the gap before a later one', () => {
    expect(setPath({ a: [1, 2] }, 'a.[1]', 9)).toEqual({ a: [1, 9] });
    expect(setPath({ a: [1] }, 'a[3]', 9)).toEqual({ a: [1, null, null, 9] });
  });

  it('replaces the whole payload at a lone dot', () => expect(setPath({ a: 1 }, '.', { b: 2 })).toEqual({ b: 2 }));

  it.each(['__proto__.polluted', 'a.__proto__', 'a.[__proto__].x', 'a.', '{{a}}', 'list.name', 'list.[99999999]'])(
    '%s is refused',
    (path) => expect(() => setPath({ a: {}, list: [] }, path, 1)).toThrow(TemplateError),
  );

  it('leaves alone what is only made when it is asked for, and replaces it when it is set itself', () => {
    let made = 0;
    const payload = {
      get data() {
        made += 1;
        return { a: 1 };
      },
    };
    const changed = removePath(setPath(payload, 'working.x', 1), 'working.y');
    expect(made).toBe(0);
    expect(setPath(changed, 'data', 5)).toEqual({ data: 5, working: { x: 1 } });
    expect(made).toBe(0);
    expect(getPath(setPath(changed, 'data.b', 2), 'data')).toEqual({ a: 1, b: 2 });
  });

  it('copies what is frozen', () => {
    const payload = Object.freeze({ globals: Object.freeze({ a: 1 }) });
    expect(setPath(payload, 'globals.a', 2)).toEqual({ globals: { a: 2 } });
    expect(removePath(payload, 'globals.a')).toEqual({ globals: {} });
  });

  it('sets keys of prototypes as plain keys', () => {
    const changed = setPath({}, 'constructor.prototype.x', 1);
    expect(Object.hasOwn(changed as object, 'constructor')).toBe(true);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('removing', () => {
  it('takes away what is there and leaves the original alone', () => {
    const payload = { a: { b: 1, c: 2 }, list: [1, 2, 3] };
    expect(removePath(payload, 'a.b')).toEqual({ a: { c: 2 }, list: [1, 2, 3] });
    expect(removePath(payload, 'list[1]')).toEqual({ a: { b: 1, c: 2 }, list: [1, 3] });
    expect(payload.a.b).toBe(1);
  });

  it.each(['x', 'a.x', 'a.b.c', 'list.[7]', 'list.length', '__proto__', 'a.__proto__.x', 'a.constructor'])(
    '%s: nothing there, nothing changed',
    (path) => {
      const payload = { a: { b: 1 }, list: [1] };
      expect(removePath(payload, path)).toBe(payload);
    },
  );

  it('leaves nothing of the payload at a lone dot', () => expect(removePath({ a: 1 }, '.')).toBeUndefined());
});
