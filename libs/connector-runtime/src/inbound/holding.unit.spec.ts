import { describe, expect, it } from 'vitest';
import { Holding } from './holding.ts';

describe('what is held', () => {
  it('is asked to stop at 256 messages or 16 MB, and to go on at half', () => {
    const flow: boolean[] = [];
    const holding = new Holding((held) => flow.push(held));
    for (let n = 0; n < 256; n++) holding.add(1);
    for (let n = 0; n < 128; n++) holding.remove(1);
    holding.add(16 * 1024 * 1024);
    holding.remove(16 * 1024 * 1024);
    expect(flow).toEqual([true, false, true, false]);
  });
});
