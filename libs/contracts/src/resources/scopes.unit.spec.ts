import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../operations-table.ts';
import { allows, APPLICATION_SCOPES, beyond, isInstanceScope, type Scope, SCOPES } from './scopes.ts';

const all = SCOPES.filter((scope) => !scope.startsWith('all.') && !scope.endsWith('.*')) as Scope[];

describe('a scope', () => {
  it('allows itself and nothing else', () => {
    for (const scope of all) expect(all.filter((required) => allows([scope], required))).toEqual([scope]);
  });

  it('with a star allows every action of its resource', () => {
    expect(allows(['integration.*'], 'integration.delete')).toBe(true);
    expect(allows(['integration.*'], 'integrations.post')).toBe(false);
  });

  it.each(['', '*', 'all', 'all.*', 'all.Nonsense', 'integration', 'constructor', 'Integration.get'])('%j allows nothing', (scope) =>
    expect(all.filter((required) => allows([scope], required))).toEqual([]),
  );
});

it.each(['all.Application.read', 'all.Instance.read'])('%s never writes', (scope) => {
  const writing = OPERATIONS.filter(({ method }) => method !== 'GET');
  expect(writing.filter((operation) => allows([scope], operation.scope)).map(({ id }) => id)).toEqual([]);
  const reading = OPERATIONS.filter(({ method }) => method === 'GET');
  expect(reading.filter((operation) => !allows([scope], operation.scope)).map(({ id }) => id)).toEqual([]);
});

it('lets no application’s token create applications, whatever its scopes', () => {
  expect(allows(['all.Application'], 'applications.post')).toBe(false);
  expect(OPERATIONS.find(({ id }) => id === 'applications.post')?.instance).toBe(true);
  expect(isInstanceScope([...APPLICATION_SCOPES])).toBe(false);
});

it('lets bounded tokens manage no tokens', () => {
  expect(allows(['all.Application.bounded'], 'applicationApiTokens.post')).toBe(false);
  expect(allows(['all.Application.bounded'], 'applicationApiToken.delete')).toBe(false);
  expect(allows(['all.Application.bounded'], 'applicationApiToken.get')).toBe(true);
  expect(allows(['all.Application.bounded'], 'integration.delete')).toBe(true);
});

describe('a token gives no more than it has', () => {
  it.each([
    [['all.Instance'], ['all.Application'], []],
    [['all.Application'], ['all.Application', 'integration.*', 'all.Application.read'], []],
    [['integration.get', 'integrations.get'], ['integration.get'], []],
    [['integration.get'], ['integration.*', 'integration.get', 'flow.get'], ['integration.*', 'flow.get']],
    [['all.Application.read'], ['all.Application', 'integration.get'], ['all.Application']],
    [['all.Application.bounded'], ['all.Application'], ['all.Application']],
  ])('%j asked for %j refuses %j', (held, wanted, refused) => expect(beyond(held, wanted)).toEqual(refused));
});

it('is asked for by every operation', () => {
  for (const { scope } of OPERATIONS) expect(SCOPES).toContain(scope);
  expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length);
  expect(new Set(OPERATIONS.map(({ method, path }) => `${method} ${path}`)).size).toBe(OPERATIONS.length);
});
