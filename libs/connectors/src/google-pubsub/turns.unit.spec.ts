import { describe, expect, it } from 'vitest';
import { Turns } from './turns.ts';

/** Work that says when it begins, and ends when the test says so. */
function record(turns: Turns): { begun: string[]; begin(owner: object, name: string): void; end(name: string): Promise<void> } {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const done = new Map<string, Promise<void>>();
  return {
    begun,
    begin: (owner, name) => {
      const work = async (): Promise<void> => {
        begun.push(name);
        await new Promise<void>((resolve) => ends.set(name, resolve));
      };
      done.set(name, turns.take(owner, work));
    },
    end: async (name) => {
      ends.get(name)?.();
      await done.get(name);
    },
  };
}

describe('turns', () => {
  it('lets so many go at once, and the next when one has ended', async () => {
    const { begun, begin, end } = record(new Turns(2, 2));
    const owner = {};
    for (const name of ['a', 'b', 'c', 'd']) begin(owner, name);
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    await end('a');
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
  });

  it('goes round the owners, whoever has more waiting', async () => {
    const { begun, begin, end } = record(new Turns(1, 1));
    const [one, two, three] = [{}, {}, {}];
    for (const name of ['1a', '1b', '1c']) begin(one, name);
    begin(two, '2a');
    begin(three, '3a');
    begin(two, '2b');
    for (const name of ['1a', '1b', '2a', '3a', '1c']) await end(name);
    expect(begun).toEqual(['1a', '1b', '2a', '3a', '1c', '2b']);
  });

  it('gives one owner no place that the others may need', async () => {
    const { begun, begin, end } = record(new Turns(3, 2));
    const [one, two] = [{}, {}];
    for (const name of ['1a', '1b', '1c']) begin(one, name);
    begin(two, '2a');
    expect(begun).toEqual(['1a', '1b', '2a']);
    await end('2a');
    expect(begun).toEqual(['1a', '1b', '2a']);
    await end('1a');
    expect(begun).toEqual(['1a', '1b', '2a', '1c']);
  });

  it('goes on after work that failed', async () => {
    const turns = new Turns(1, 1);
    const owner = {};
    const failed = turns.take(owner, () => Promise.reject(new Error('no')));
    const next = turns.take(owner, () => Promise.resolve('yes'));
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});
