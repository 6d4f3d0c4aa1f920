import { expect, it } from 'vitest';
import { guarded } from './wire.ts';

it('keeps what a callback throws away from whoever calls it, and raises it elsewhere', () => {
  const raised: unknown[] = [];
  const failure = new Error('a bug');
  const callback = guarded(
    (fail: boolean) => {
      if (fail) throw failure;
    },
    (error) => raised.push(error),
  );
  callback(false);
  callback(true);
  expect(raised).toEqual([failure]);
});
