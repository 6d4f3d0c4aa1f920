import { describe, expect, it } from 'vitest';
import type { CredentialState } from '#lib/contracts';
import { credential, type CredentialChanges } from './credential.ts';

const NOW = '2026-02-01T00:00:00.000Z';
const SECRET = { $sealed: 'first' };
const base = { id: 'b'.repeat(24), applicationId: 'a'.repeat(24), name: 'Key', enabled: true };
const http = (config: Record<string, unknown> = {}): CredentialState => ({
  ...base,
  type: 'http',
  config: { uriMatch: 'wss://a.example/', authMethod: 'header', publicValue: 'X-Key', secretValue: SECRET, ...config },
  creationDate: '2026-01-01T00:00:00.000Z',
  lastUpdated: '2026-01-01T00:00:00.000Z',
});
const update = (changes: CredentialChanges, state = http()): CredentialState | null | undefined =>
  credential.decide({ name: 'update', changes, now: NOW }, state)[0]?.state;

describe('a service credential', () => {
  it('keeps the fields that a change does not name, its secret first of all', () => {
    const next = update({ enabled: false, config: { uriMatch: 'wss://b.example/' } });
    expect(next).toMatchObject({ enabled: false, lastUpdated: NOW });
    expect(next?.config).toEqual({ uriMatch: 'wss://b.example/', authMethod: 'header', publicValue: 'X-Key', secretValue: SECRET });
    expect(update({ config: { secretValue: { $sealed: 'second' } } })?.config['secretValue']).toEqual({ $sealed: 'second' });
  });

  it('makes no event of a change that changes nothing', () => {
    expect(update({ name: 'Key', config: { publicValue: 'X-Key' } })).toBeUndefined();
  });

  it('needs the name of a header or parameter, also when only the method changes; a user name may be blank', () => {
    expect(() => update({ config: { publicValue: '' } })).toThrow('breaks a rule');
    const basic = update({ config: { authMethod: 'basicAuth', publicValue: '' } });
    expect(basic?.config['publicValue']).toBe('');
    expect(() => update({ config: { authMethod: 'queryParam' } }, basic ?? http())).toThrow('breaks a rule');
  });

  it('takes a blank account for none', () => {
    const config = { account: '', accountKey: SECRET };
    const made = credential.decide({ name: 'create', state: { ...base, type: 'azure', config }, now: NOW }, null)[0]?.state;
    expect(made).toMatchObject({ config: { accountKey: SECRET }, creationDate: NOW });
    expect(made?.config).not.toHaveProperty('account');
    expect(made).not.toHaveProperty('description');
  });

  it('that is gone can neither change nor go again', () => {
    expect(credential.decide({ name: 'delete' }, http())).toEqual([{ type: 'CredentialDeleted', state: null }]);
    expect(() => credential.decide({ name: 'delete' }, null)).toThrow('does not exist');
  });
});
