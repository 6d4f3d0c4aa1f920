import { describe, expect, it } from 'vitest';
import { TokenBucket } from './throttle.ts';

describe('a token bucket', () => {
  it('lets its burst through, then its rate, over any stretch of time', () => {
    const bucket = new TokenBucket(20, 20, 0);
    const taken: number[] = [];
    for (let now = 0; now < 60_000; now += 5) if (bucket.take(now) === 0) taken.push(now);
    expect(taken.filter((at) => at === 0).length + taken.filter((at) => at > 0 && at < 1).length).toBe(1);
    for (let from = 5_000; from < 45_000; from += 1_000)
      expect(taken.filter((at) => at >= from && at < from + 15_000).length).toBeLessThanOrEqual(20.4 * 15);
    expect(taken.length).toBeGreaterThan(60 * 20);
  });

  it('says how long until the next token, takes none meanwhile, and has no limit at rate 0', () => {
    const bucket = new TokenBucket(10, 1, 0);
    expect([bucket.take(0), bucket.take(0), bucket.take(50), bucket.take(100)]).toEqual([0, 100, 50, 0]);
    bucket.configure(0, 0, 100);
    expect(bucket.take(100)).toBe(0);
  });
});
