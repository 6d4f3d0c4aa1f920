import { describe, expect, it } from 'vitest';
import { Progress } from './progress.ts';

const at = (sequenceNumber: number) => ({ offset: String(sequenceNumber * 10), sequenceNumber, at: 0 });

describe('the progress of a partition', () => {
  it('goes on only when all before is done', () => {
    const progress = new Progress();
    const [first, second, third] = [1, 2, 3].map((sequenceNumber) => progress.take(at(sequenceNumber)));
    if (first === undefined || second === undefined || third === undefined) throw new Error('three were taken');
    expect(progress.done(second)).toBeUndefined();
    expect(progress.done(first)).toEqual(at(2));
    const fourth = progress.take(at(7));
    expect(progress.done(fourth)).toBeUndefined();
    expect(progress.done(third)).toEqual(at(7));
  });
});
