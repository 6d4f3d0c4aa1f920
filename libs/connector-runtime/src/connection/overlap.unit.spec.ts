import { describe, expect, it } from 'vitest';
import { Overlap } from './overlap.ts';

/** What is taken of the new link's messages. */
function taken(old: readonly string[], next: readonly string[]): string[] {
  const overlap = new Overlap();
  for (const content of old) overlap.brought(content);
  return next.filter((content) => !overlap.repeats(content));
}

describe('an overlap of two links', () => {
  it('takes once what both brought, in whatever order it came', () => {
    expect(taken(['a', 'b', 'c', 'd'], ['c', 'd', 'e'])).toEqual(['e']);
    expect(taken(['a', 'b', 'c'], ['c', 'b', 'd'])).toEqual(['b', 'd']);
    expect(taken(['b', 'c'], ['welcome', 'b', 'c', 'd'])).toEqual(['welcome', 'd']);
  });

  it('takes equal messages as often as they were sent', () => {
    expect(taken(['x', 'x', 'y'], ['x', 'x', 'y', 'x'])).toEqual(['x']);
  });

  it('takes a message that is equal to one of before the new link', () => {
    expect(taken(['on', 'off', '1', '2'], ['1', '2', 'on', 'off'])).toEqual(['on', 'off']);
  });

  it('takes all where the old link brought nothing', () => {
    expect(taken([], ['a', 'a'])).toEqual(['a', 'a']);
  });
});
