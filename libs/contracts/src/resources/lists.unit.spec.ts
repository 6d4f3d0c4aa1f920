import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CredentialListParams,
  FlowListParams,
  FlowVersionListParams,
  globMatches,
  IntegrationDeleteParams,
  IntegrationListParams,
  listAnswer,
  parseQuery,
  PayloadCountsParams,
  triggerFilterMatches,
} from './index.ts';

describe('a filter', () => {
  it.each([
    ['pump', 'pump', true],
    ['pump', 'Pump', true],
    ['pump', 'pumps', false],
    ['pump*', 'Pump 7', true],
    ['*7', 'Pump 7', true],
    ['*u*7*', 'Pump 7', true],
    ['a*a', 'a', false],
    ['a*b*a', 'aba', true],
    ['*', '', true],
    ['', '', true],
    ['', 'x', false],
    ['a.c', 'abc', false],
    ['[a-z]*', 'abc', false],
    ['**', 'abc', true],
  ])('%j on %j: %s', (pattern, value, found) => expect(globMatches(pattern, value)).toBe(found));

  it('finds what the regular expression it stands for finds', () => {
    const unit = fc.constantFrom('a', 'b', '*', '.');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 8 }), fc.string({ unit, maxLength: 8 }), (pattern, value) => {
        const expression = pattern
          .split('*')
          .map((part) => part.replaceAll('.', '\\.'))
          .join('[^]*');
        expect(globMatches(pattern, value)).toBe(new RegExp(`^${expression}$`).test(value));
      }),
    );
  });
});

describe('list parameters', () => {
  it('have defaults, and blank ones count as absent', () => {
    const expected = { page: 0, perPage: 100, sortField: 'name', sortDirection: 'asc' };
    expect(parseQuery(IntegrationListParams, {}).data).toEqual(expected);
    expect(parseQuery(IntegrationListParams, { page: '', filter: '', sortField: '' }).data).toEqual(expected);
  });

  it('have the defaults that existing clients name: credentials the newest first, workflows those of the cloud', () => {
    expect(parseQuery(CredentialListParams, {}).data).toMatchObject({ sortField: 'creationDate', sortDirection: 'desc' });
    expect(parseQuery(CredentialListParams, { sortField: 'id' }).success).toBe(false);
    expect(parseQuery(FlowListParams, {}).data).toMatchObject({ sortField: 'name', sortDirection: 'asc', flowClass: 'cloud' });
    expect(parseQuery(FlowListParams, { flowClass: 'edge' }).data?.flowClass).toBe('edge');
  });

  it('refuse a query that nobody answers, in place of finding everything', () => {
    for (const params of [FlowListParams, FlowVersionListParams]) {
      expect(parseQuery(params, { query: '{"name":{"$eq":"x"}}' }).error?.issues[0]?.path).toEqual(['query']);
      expect(parseQuery(params, { query: '' }).success).toBe(true);
    }
  });

  it('arrive as text', () => {
    const query = {
      page: '2',
      perPage: '1000',
      sortField: 'integrationType',
      sortDirection: 'DESC',
      filterField: 'integrationType',
      filter: 'mq*',
    };
    expect(parseQuery(IntegrationListParams, query).data).toEqual({ ...query, page: 2, perPage: 1000, sortDirection: 'desc' });
  });

  it('tolerates what other clients add', () => {
    expect(parseQuery(IntegrationListParams, { _actions: 'false', _links: 'true', _embedded: 'x', whatever: '1' }).success).toBe(true);
  });

  it.each([
    { perPage: '0' },
    { perPage: '1001' },
    { perPage: '10.5' },
    { perPage: '1e2' },
    { perPage: '-1' },
    { perPage: ['1', '2'] },
    { page: '-1' },
    { page: 'first' },
    { sortField: 'password' },
    { sortField: 'constructor' },
    { sortDirection: 'up' },
    { filterField: 'config' },
    { filter: 'x'.repeat(1025) },
  ])('%j is refused, never clamped', (query) => expect(parseQuery(IntegrationListParams, query).success).toBe(false));

  it('reach no prototype', () => {
    const query = JSON.parse('{"__proto__": {"page": "7"}, "constructor": "x"}') as Record<string, unknown>;
    expect(parseQuery(IntegrationListParams, query).data?.page).toBe(0);
  });

  it.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
    ['', false],
  ])('includeWorkflows=%s is %s', (text, value) =>
    expect(parseQuery(IntegrationDeleteParams, { includeWorkflows: text }).data).toEqual({ includeWorkflows: value }),
  );

  it('refuses another word for true', () => expect(parseQuery(IntegrationDeleteParams, { includeWorkflows: 'yes' }).success).toBe(false));

  it('takes times in epoch ms', () => {
    expect(parseQuery(PayloadCountsParams, { start: '1700000000000' }).data).toEqual({ start: 1_700_000_000_000 });
    expect(parseQuery(PayloadCountsParams, { start: '2024-01-01' }).success).toBe(false);
  });
});

describe('triggerFilter', () => {
  const wanted = [{ type: 'integration', key: 'a' }, { type: 'timer' }];

  it.each([
    { triggerFilter: JSON.stringify(wanted) },
    { 'triggerFilter[0][type]': 'integration', 'triggerFilter[0][key]': 'a', 'triggerFilter[1][type]': 'timer' },
    { 'triggerFilter[5][key]': 'a', 'triggerFilter[5][type]': 'integration', 'triggerFilter[9][type]': 'timer' },
    { triggerFilter: wanted },
  ])('is understood as %j', (query) => expect(parseQuery(FlowListParams, query).data?.triggerFilter).toEqual(wanted));

  it.each([
    { triggerFilter: '{nope' },
    { triggerFilter: '{"type":"a"}' },
    { triggerFilter: '[{"name":"a"}]' },
    { 'triggerFilter[0][__proto__]': 'a' },
    { 'triggerFilter[0]': 'timer' },
    { 'triggerFilter[type]': 'timer' },
    { 'triggerFilter[0][type][]': 'timer' },
  ])('%j is refused', (query) => expect(parseQuery(FlowListParams, query).success).toBe(false));

  it('finds a flow when one trigger agrees with one entry in all it names', () => {
    const triggers = [
      { type: 'timer', key: 't' },
      { type: 'integration', key: 'i' },
    ];
    expect(triggerFilterMatches([{ type: 'integration', key: 'i' }], triggers)).toBe(true);
    expect(triggerFilterMatches([{ type: 'integration', key: 't' }], triggers)).toBe(false);
    expect(triggerFilterMatches([{ key: 'x' }, { type: 'timer' }], triggers)).toBe(true);
    expect(triggerFilterMatches([], [])).toBe(true);
  });
});

it('answers with the parameters as they were understood, absent ones absent', () => {
  const params = { page: 1, perPage: 10, sortField: 'name', sortDirection: 'asc' as const, filterField: 'name' };
  expect(listAnswer(['a'], 11, params, { applicationId: 'x' })).toEqual({
    items: ['a'],
    count: 1,
    totalCount: 11,
    page: 1,
    perPage: 10,
    sortField: 'name',
    sortDirection: 'asc',
    applicationId: 'x',
  });
});
