import { describe, expect, it } from 'vitest';
import type { TokenState } from '#lib/contracts';
import { token } from './token.ts';

const NOW = '2026-02-01T00:00:00.000Z';
const state: Omit<TokenState, 'creationDate' | 'lastUpdated'> = {
  id: 'd'.repeat(24),
  applicationId: 'a'.repeat(24),
  name: 't',
  scope: ['integration.get'],
  status: 'active',
  tokenHash: 'ab'.repeat(32),
  creatorId: 'c',
  creatorType: 'apiToken',
};
const stored: TokenState = { ...state, creationDate: NOW, lastUpdated: NOW };

describe('a token', () => {
  it('is created, changed by name, description and status, and removed', () => {
    expect(token.decide({ name: 'create', now: NOW, state }, null)).toEqual([{ type: 'TokenCreated', state: stored }]);
    const later = '2026-03-01T00:00:00.000Z';
    expect(token.decide({ name: 'update', now: later, input: { status: 'inactive' } }, stored)).toEqual([
      { type: 'TokenUpdated', state: { ...stored, status: 'inactive', lastUpdated: later } },
    ]);
    expect(token.decide({ name: 'delete' }, stored)).toEqual([{ type: 'TokenDeleted', state: null }]);
  });

  it('does not change by what is so already, nor once it is gone', () => {
    expect(token.decide({ name: 'update', now: NOW, input: { name: 't' } }, stored)).toEqual([]);
    expect(token.decide({ name: 'replace', now: NOW, tokenHash: stored.tokenHash }, stored)).toEqual([]);
    expect(() => token.decide({ name: 'update', now: NOW, input: {} }, null)).toThrow('does not exist');
  });

  it('of an operator takes the hash of the text that replaced it', () => {
    const [event] = token.decide({ name: 'replace', now: NOW, tokenHash: 'cd'.repeat(32) }, stored);
    expect(event?.state?.tokenHash).toBe('cd'.repeat(32));
  });
});
