import { expect, it } from 'vitest';
import type { StoredMessage } from '#lib/messaging';
import { newest } from './newest.ts';

const stored = (position: number): StoredMessage => ({ position, subject: 's', headers: {}, body: new Uint8Array(), time: '' });

it('walks a stream in pages and keeps the newest that are wanted', async () => {
  const asked: unknown[] = [];
  const bus = {
    list: async (_stream: string, _filter: string, { after = 0, max = 0 } = {}) => {
      asked.push(after);
      return Array.from({ length: 1_200 }, (_, index) => stored(index + 1))
        .filter(({ position }) => position > after)
        .slice(0, max);
    },
  };
  const even = ({ position }: StoredMessage): number | undefined => (position % 2 === 0 ? position : undefined);
  expect(await newest(bus, 'ACTIVITY', 's', 3, even)).toEqual([1_200, 1_198, 1_196]);
  expect(asked).toEqual([0, 500, 1_000]);
});
