import { describe, expect, it } from 'vitest';
import type { ApplicationState, TokenState } from '#lib/contracts';
import type { ConfigChange } from '#lib/messaging';
import { ApiProblem } from './problem.ts';
import { type AskForToken, TokenBook, tokenHashOf } from './token-book.ts';

const APP = 'a'.repeat(24);
const NOW = Date.parse('2026-06-01T00:00:00.000Z');
const DATES = { creationDate: '2026-01-01T00:00:00.000Z', lastUpdated: '2026-01-01T00:00:00.000Z' };

const tokenState = (token: string, over: Partial<TokenState> = {}): TokenState => ({
  id: 'b'.repeat(24),
  applicationId: APP,
  name: 'Test',
  scope: ['all.Application'],
  status: 'active',
  tokenHash: tokenHashOf(token),
  creatorId: 'x',
  creatorType: 'user',
  ...DATES,
  ...over,
});

const change = (kind: 'token' | 'application', id: string, state: TokenState | ApplicationState | null): ConfigChange => ({
  kind,
  type: '-',
  applicationId: APP,
  id,
  event: 'Test',
  epoch: 1,
  version: 1,
  eventPosition: 1,
  actor: { type: 'system', id: 'x' },
  time: DATES.creationDate,
  state,
});
const application = change('application', APP, { id: APP } as ApplicationState);

function makeBook(ask: AskForToken = async () => null) {
  const clock = { now: NOW };
  const asked: string[] = [];
  const book = new TokenBook(
    async (hash) => {
      asked.push(hash);
      return await ask(hash);
    },
    () => clock.now,
  );
  return { book, clock, asked };
}

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.catch((caught: unknown) => caught);
  if (!(error instanceof ApiProblem)) throw new Error('it was not refused');
  return `${error.status} ${error.message}`;
};

describe('the token book', () => {
  it('knows a token that CONFIG holds, and asks nobody', async () => {
    const { book, asked } = makeBook();
    book.apply(application);
    book.apply(change('token', 'b'.repeat(24), tokenState('secret')));
    expect(await book.authenticate('secret')).toEqual({ tokenId: 'b'.repeat(24), applicationId: APP, scopes: ['all.Application'] });
    expect(asked).toEqual([]);
  });

  it('refuses no token, an unknown, an inactive, an expired and a deleted one', async () => {
    const { book, clock } = makeBook();
    book.apply(application);
    const id = 'b'.repeat(24);
    expect(await refusal(book.authenticate(undefined))).toContain('401 A bearer token is required');
    expect(await refusal(book.authenticate('nobody'))).toBe('401 The token is not valid');
    expect(await refusal(book.authenticate('x'.repeat(10_000)))).toBe('401 The token is not valid');
    book.apply(change('token', id, tokenState('secret', { status: 'inactive' })));
    expect(await refusal(book.authenticate('secret'))).toBe('401 The token is inactive');
    book.apply(change('token', id, tokenState('secret', { expirationDate: new Date(NOW + 1_000).toISOString() })));
    expect(await book.authenticate('secret')).toMatchObject({ expiresAt: NOW + 1_000 });
    clock.now += 1_000;
    expect(await refusal(book.authenticate('secret'))).toBe('401 The token has expired');
    book.apply(change('token', id, null));
    expect(await refusal(book.authenticate('secret'))).toBe('401 The token is not valid');
  });

  it('refuses the token of an application that is gone', async () => {
    const { book } = makeBook();
    book.apply(application);
    book.apply(change('token', 'b'.repeat(24), tokenState('secret')));
    book.apply(change('application', APP, null));
    expect(await refusal(book.authenticate('secret'))).toBe('401 The token is not valid');
  });

  it('asks once about a token that CONFIG does not hold yet, and takes the answer', async () => {
    const { book, asked } = makeBook(async () => tokenState('new'));
    const callers = await Promise.all([book.authenticate('new'), book.authenticate('new')]);
    expect(callers.map(({ applicationId }) => applicationId)).toEqual([APP, APP]);
    expect(asked).toEqual([tokenHashOf('new')]);
  });

  it('asks again within a second, so that a new token works and a revoked one stops', async () => {
    let known: TokenState | null = null;
    const { book, clock, asked } = makeBook(async () => known);
    await refusal(book.authenticate('new'));
    await refusal(book.authenticate('new'));
    expect(asked).toHaveLength(1);
    known = tokenState('new');
    clock.now += 999;
    await book.authenticate('new');
    known = null;
    clock.now += 999;
    expect(await refusal(book.authenticate('new'))).toBe('401 The token is not valid');
  });

  it('counts a token as unknown when nobody can be asked', async () => {
    const { book } = makeBook(() => Promise.reject(new Error('away')));
    expect(await refusal(book.authenticate('x'))).toBe('401 The token is not valid');
  });

  it('asks about a bounded number of tokens at one time', async () => {
    const waiting: (() => void)[] = [];
    const { book } = makeBook(() => new Promise((resolve) => waiting.push(() => resolve(null))));
    const calls = Array.from({ length: 65 }, (_, index) => refusal(book.authenticate(`token-${index}`)));
    expect(await calls[64]).toContain('503');
    for (const answer of waiting) answer();
    expect((await Promise.all(calls.slice(0, 64))).every((text) => text.startsWith('401'))).toBe(true);
  });
});
