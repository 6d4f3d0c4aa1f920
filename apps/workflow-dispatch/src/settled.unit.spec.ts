import { describe, expect, it } from 'vitest';
import { Settled } from './settled.ts';

describe('how far TRIGGERED is settled', () => {
  it('is all that was acknowledged, while nothing is open', () => {
    const settled = new Settled(10, 0);
    expect(settled.through(0)).toBe(10);
    settled.acknowledge(14);
    expect(settled.through(0)).toBe(14);
  });

  it('is what was acknowledged when the first began that is not committed', () => {
    const settled = new Settled(10, 0);
    for (const inbound of [1, 2, 3]) {
      settled.begin(inbound, 0);
      settled.acknowledge(10 + inbound);
    }
    expect([0, 1, 2, 3].map((committed) => settled.through(committed))).toEqual([10, 11, 12, 13]);
  });

  it('is nothing, while what a predecessor has stored may not be committed', () => {
    const settled = new Settled(10, 2);
    settled.begin(1, 0);
    expect([0, 1].map((committed) => settled.through(committed))).toEqual([0, 0]);
    settled.acknowledge(11);
    settled.begin(3, 1);
    expect([2, 3].map((committed) => settled.through(committed))).toEqual([11, 11]);
  });

  it('is whatever is on record, and goes on from there', () => {
    const settled = new Settled(10, 2);
    settled.record(30);
    expect(settled.through(0)).toBe(30);
    settled.acknowledge(40);
    settled.begin(5, 2);
    settled.acknowledge(50);
    expect([2, 5].map((committed) => settled.through(committed))).toEqual([40, 50]);
  });

  it('keeps in mind no more than what is open', () => {
    const settled = new Settled(0, 0);
    for (let inbound = 1; inbound <= 5_000; inbound++) {
      settled.begin(inbound, inbound - 10);
      settled.acknowledge(inbound);
    }
    expect(settled.through(4_990)).toBe(4_990);
    expect(settled.through(5_000)).toBe(5_000);
  });
});
