import { describe, expect, it } from 'vitest';
import { readSendRequest, SendRequest } from './bus.ts';

const plain = { id: 'r:n:0', options: { topic: 'a' }, payload: 'text', encoding: 'utf8', time: '2026-11-25T07:00:00.000Z' };

describe('a request to send', () => {
  it.each([
    plain,
    { ...plain, encoding: 'base64' },
    { ...plain, encoding: undefined },
    { ...plain, encoding: 'latin1' },
    { ...plain, time: '2026-11-25T07:00:00Z' },
    { ...plain, time: '2026-13-25T07:00:00.000Z' },
    { ...plain, time: 'now' },
    { ...plain, options: [] },
    { ...plain, options: null },
    { ...plain, payload: 1 },
    { ...plain, id: undefined },
    { ...plain, more: true },
    { ...plain, through: { config: { key: 'k' } } },
    { ...plain, through: { credentialName: 'n', config: {} } },
    { ...plain, through: { credentialName: 1, config: {} } },
    { ...plain, through: 'key' },
    null,
    'text',
  ])('is read as its schema reads it: %j', (value) => {
    expect(readSendRequest(value)).toEqual(SendRequest.safeParse(value).data);
  });
});
