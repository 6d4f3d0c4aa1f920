import { describe, expect, it } from 'vitest';
import type { IntegrationState } from '#lib/contracts';
import { integration, type IntegrationChanges } from './integration.ts';

const NOW = '2026-02-01T00:00:00.000Z';
const base = {
  id: 'b'.repeat(24),
  applicationId: 'a'.repeat(24),
  name: 'Broker',
  enabled: true,
  integrationType: 'mqtt' as const,
  topics: ['a'],
  config: { host: 'h' } as Record<string, unknown>,
};
const create = (config: Record<string, unknown>, clientId: string | undefined): IntegrationState | null | undefined =>
  integration.decide({ name: 'create', state: { ...base, config }, clientId, now: NOW }, null)[0]?.state;
const stored = (change: Partial<IntegrationState> = {}): IntegrationState => ({
  ...base,
  assignedClientId: 'first',
  creationDate: '2026-01-01T00:00:00.000Z',
  lastUpdated: '2026-01-01T00:00:00.000Z',
  ...change,
});
const update = (changes: IntegrationChanges, state = stored()): IntegrationState | null | undefined =>
  integration.decide({ name: 'update', changes, clientId: 'another', now: NOW }, state)[0]?.state;

describe('an integration', () => {
  it('gets a client id where its type has one and none was given', () => {
    expect(create({}, 'made')?.assignedClientId).toBe('made');
    expect(create({ clientId: 'mine' }, 'made')).not.toHaveProperty('assignedClientId');
    expect(create({}, undefined)).not.toHaveProperty('assignedClientId');
  });

  it('keeps an assigned client id for life, through one of its own and back', () => {
    const own = update({ config: { host: 'h', clientId: 'mine' } });
    expect(own?.assignedClientId).toBe('first');
    expect(update({ config: { host: 'h' } }, own ?? stored())?.assignedClientId).toBe('first');
    expect(update({ config: { host: 'i' } }, stored({ assignedClientId: undefined }))?.assignedClientId).toBe('another');
  });

  it('clears its credential by null and keeps it when it is not named', () => {
    const state = stored({ credentialName: 'c' });
    expect(update({ credentialName: null }, state)).not.toHaveProperty('credentialName');
    expect(update({ name: 'n' }, state)?.credentialName).toBe('c');
  });

  it('makes no event of a change that changes nothing, whatever the order of properties', () => {
    expect(update({ name: 'Broker', config: { host: 'h' } })).toBeUndefined();
    const state = stored({ config: { a: 1, b: { c: 2, d: 3 } } });
    expect(update({ config: { b: { d: 3, c: 2 }, a: 1 } }, state)).toBeUndefined();
  });

  it('that is gone can neither change nor go again', () => {
    expect(integration.decide({ name: 'delete' }, stored())).toEqual([{ type: 'IntegrationDeleted', state: null }]);
    expect(() => integration.decide({ name: 'delete' }, null)).toThrow('does not exist');
  });
});
