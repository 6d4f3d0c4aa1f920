import { describe, expect, it } from 'vitest';
import { type MemoryUse, isDue } from './quiet-memory.ts';

const MB = 1024 * 1024;
const use = (over: Partial<MemoryUse>): MemoryUse => ({
  cpuMs: 20,
  elapsedMs: 2_000,
  residentBytes: 150 * MB,
  heapBytes: 60 * MB,
  ...over,
});

describe('a collection', () => {
  it('is due in a quiet process that grew by half since the last one, or had none yet', () => {
    expect(isDue(use({}), 0)).toBe(true);
    expect(isDue(use({}), 100 * MB)).toBe(true);
  });
  it.each<[string, Partial<MemoryUse>, number]>([
    ['one that is busy', { cpuMs: 100 }, 0],
    ['one that hardly grew', {}, 101 * MB],
    ['one whose heap would stop it too long', { heapBytes: 257 * MB }, 0],
  ])('is not due in %s', (_, over, residentAfterLast) => {
    expect(isDue(use(over), residentAfterLast)).toBe(false);
  });
});
