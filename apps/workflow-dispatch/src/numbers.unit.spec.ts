import { describe, expect, it } from 'vitest';
import { RunningNumbers } from './numbers.ts';

describe('running numbers', () => {
  it('in order say nothing', () => {
    const numbers = new RunningNumbers();
    for (const number of [1, 2, 3]) expect(numbers.see('i', number)).toEqual({ missing: 0, repeated: false });
    expect(numbers.see('other', 1)).toEqual({ missing: 0, repeated: false });
  });

  it('tell how many are missing before one', () => {
    const numbers = new RunningNumbers();
    expect(numbers.see('i', 3)).toEqual({ missing: 2, repeated: false });
    numbers.load('j', 41);
    expect(numbers.see('j', 44)).toEqual({ missing: 2, repeated: false });
  });

  it('tell what was seen before', () => {
    const numbers = new RunningNumbers();
    numbers.load('i', 5);
    expect(numbers.see('i', 5)).toEqual({ missing: 0, repeated: true });
    expect(numbers.see('i', 6)).toEqual({ missing: 0, repeated: false });
    expect(numbers.see('i', 6)).toEqual({ missing: 0, repeated: true });
  });

  it('that come late fill the hole they had left, once', () => {
    const numbers = new RunningNumbers();
    expect(numbers.see('i', 4)).toEqual({ missing: 3, repeated: false });
    expect(numbers.see('i', 2)).toEqual({ missing: -1, repeated: false });
    expect(numbers.see('i', 2)).toEqual({ missing: 0, repeated: true });
    expect(numbers.see('i', 5)).toEqual({ missing: 0, repeated: false });
  });

  it('keep no more holes than a connector can have on its way, however many there are', () => {
    const numbers = new RunningNumbers();
    expect(numbers.see('i', 2_000_000_000)).toEqual({ missing: 1_999_999_999, repeated: false });
    expect(numbers.see('i', 1)).toEqual({ missing: 0, repeated: true });
    expect(numbers.see('i', 1_999_999_999)).toEqual({ missing: -1, repeated: false });
  });

  it('count an unreadable message as the next', () => {
    const numbers = new RunningNumbers();
    numbers.load('i', 7);
    expect(numbers.takeNext('i')).toBe(8);
    expect(numbers.see('i', 9)).toEqual({ missing: 0, repeated: false });
  });
});
