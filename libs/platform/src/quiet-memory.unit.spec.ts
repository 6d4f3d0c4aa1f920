import { describe, expect, it } from 'vitest';
import { type LastCollection, type MemoryUse, isDue } from './quiet-memory.ts';

const MB = 1024 * 1024;
const use = (over: Partial<MemoryUse>): MemoryUse => ({
  cpuMs: 20,
  elapsedMs: 2_000,
  residentBytes: 150 * MB,
  heapBytes: 60 * MB,
  ...over,
});
const last = (over: Partial<LastCollection>): LastCollection => ({ residentBytes: 100 * MB, agoMs: 600_000, ...over });

describe('a collection', () => {
  it('is due in a quiet process that had none yet, or grew by half since the last one', () => {
    expect(isDue(use({}), undefined)).toBe(true);
    expect(isDue(use({}), last({}))).toBe(true);
  });
  it.each<[string, Partial<MemoryUse>, Partial<LastCollection>]>([
    ['one that is busy', { cpuMs: 100 }, {}],
    ['one that hardly grew', {}, { residentBytes: 101 * MB }],
    ['one that had a collection a short time ago', {}, { agoMs: 599_999 }],
    ['one whose heap would stop it too long', { heapBytes: 257 * MB }, {}],
  ])('is not due in %s', (_, over, lastOver) => {
    expect(isDue(use(over), last(lastOver))).toBe(false);
  });
});
