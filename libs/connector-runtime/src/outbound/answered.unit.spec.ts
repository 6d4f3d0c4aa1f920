import { describe, expect, it } from 'vitest';
import { AnsweredSends } from './answered.ts';

describe('the table of answered sends', () => {
  it('keeps outcomes of what was tried, forgets what was not, and stays bounded', async () => {
    const table = new AnsweredSends();
    let tries = 0;
    const attempt = (verdict: 'succeeded' | 'busy') => (): Promise<{ verdict: typeof verdict }> => {
      tries++;
      return Promise.resolve({ verdict });
    };
    await table.once('a', attempt('succeeded'));
    expect(await table.once('a', attempt('busy'))).toEqual({ verdict: 'succeeded' });
    await table.once('b', attempt('busy'));
    await table.once('b', attempt('succeeded'));
    expect(tries).toBe(3);
    for (let n = 0; n < 5_000; n++) await table.once(`x${n}`, attempt('succeeded'));
    expect(table.size).toBe(2_048);
  });
});
