import { describe, expect, it } from 'vitest';
import { inbound } from '../../../test/builders/inbound.ts';
import { DIGEST_BYTES, RecentIds, providerIdOf } from './recent-ids.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-11-25T07:30:00.000Z');

describe('recent ids', () => {
  it('know an id that came in the ten minutes before, however many came in between', () => {
    const ids = new RecentIds();
    expect(ids.take('a', START)).toBe(true);
    for (let minute = 1; minute <= 10; minute++) {
      expect(ids.take(`b${minute}`, START + minute * MINUTE)).toBe(true);
      expect(ids.take('a', START + minute * MINUTE)).toBe(false);
    }
  });

  it('forget an id in the end: what they hold is bounded', () => {
    const ids = new RecentIds();
    ids.take('a', START);
    for (const minute of [10, 20]) ids.take(`b${minute}`, START + minute * MINUTE);
    expect(ids.take('a', START + 20 * MINUTE)).toBe(true);
  });

  it('know what an earlier holder has committed, for ten minutes from the first that comes', () => {
    const ids = new RecentIds();
    ids.load(['a']);
    ids.take('b', START);
    expect(ids.take('a', START + 10 * MINUTE - 1)).toBe(false);
  });
});

describe('the id of a message', () => {
  const numbered = (sourceType: string, id = 'x'): string | undefined => providerIdOf(inbound({ number: 1, sourceType, id }));

  it('is its provider’s, where it gives any: one for each id, of one length', () => {
    const types = ['sqs', 'azureEventHub', 'googlePubSub'];
    expect(types.map((type) => numbered(type)?.length)).toEqual(types.map(() => DIGEST_BYTES));
    expect(numbered('sqs', 'y')).not.toBe(numbered('sqs'));
    for (const type of ['mqtt', 'particle', 'websocket', 'virtualButton']) expect(numbered(type)).toBeUndefined();
  });

  it('is none where the message is a replay', () => expect(providerIdOf(inbound({ sourceType: 'sqs' }))).toBeUndefined());
});
