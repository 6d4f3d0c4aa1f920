import { describe, expect, it } from 'vitest';
import type { ApplicationState, IntegrationState } from '#lib/contracts';
import type { ConfigChange } from '#lib/messaging';
import { Desired } from './desired.ts';

const APPLICATION = 'a'.repeat(24);
const change = (id: string, version: number, state: unknown, over: Partial<ConfigChange> = {}): ConfigChange => ({
  kind: 'integration',
  type: 'mqtt',
  applicationId: APPLICATION,
  id,
  event: 'IntegrationUpdated',
  epoch: 1,
  version,
  eventPosition: version,
  actor: { type: 'system', id: 'test' },
  time: '2026-11-25T02:00:00.000Z',
  state: state as IntegrationState | null,
  ...over,
});

describe('the configuration that is wanted', () => {
  it('is the last version of each, however changes and deletions are shuffled and repeated', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 20; round++) {
      const changes = Array.from({ length: 500 }, (_, index) => {
        const version = Math.floor(index / 5) + 1;
        const deleted = version % 7 === 0 || (version === 100 && index % 2 === 0);
        return change(`i${index % 5}`, version, deleted ? null : { version });
      });
      const shuffled = [...changes, ...changes].map((one) => ({ one, at: random() })).sort((a, b) => a.at - b.at);
      const desired = new Desired('mqtt');
      for (const { one } of shuffled) desired.apply(one);
      const last = new Map(changes.map((one) => [one.id, one]));
      for (const [id, { state }] of last) expect(desired.get(id)?.state ?? null).toEqual(state);
    }
  });

  it('takes a higher epoch for newer whatever its version, and other types for none of its business', () => {
    const desired = new Desired('mqtt');
    desired.apply(change('i', 9, { version: 9 }));
    expect(desired.apply(change('i', 2, { version: 2 }, { epoch: 2 }))).toEqual({ kind: 'integration', id: 'i' });
    expect(desired.apply(change('i', 10, { version: 10 }))).toBeUndefined();
    expect(desired.apply(change('s', 1, { version: 1 }, { type: 'sqs' }))).toBeUndefined();
    expect(desired.get('i')?.version).toBe(2);
  });

  it('names the integrations that a change of their application may touch, and its limits', () => {
    const desired = new Desired('mqtt');
    desired.apply(change('i', 1, {}));
    expect(desired.limits(APPLICATION)).toMatchObject({ messagesPerSecond: 20, burst: 20 });
    const state = { limits: { messagesPerSecond: 5, burst: 1 } } as ApplicationState;
    const effect = desired.apply(change(APPLICATION, 1, state, { kind: 'application', type: '-' }));
    expect(effect).toEqual({ kind: 'application', id: APPLICATION, integrations: ['i'] });
    expect(desired.limits(APPLICATION)).toMatchObject({ messagesPerSecond: 5 });
  });

  it('finds a credential by the name it has now, and tells who names it, or named it before', () => {
    const desired = new Desired('websocket');
    const credential = (id: string, version: number, name: string | null): ReturnType<Desired['apply']> =>
      desired.apply(change(id, version, name === null ? null : { id, name }, { kind: 'credential', type: '-' }));
    for (const [id, credentialName] of [
      ['one', 'k'],
      ['two', 'other'],
      ['three', undefined],
    ] as const)
      desired.apply(change(id, 1, { applicationId: APPLICATION, credentialName }, { type: 'websocket' }));
    expect(credential('c', 1, 'k')).toEqual({ kind: 'credential', integrations: ['one'] });
    expect(credential('c', 3, 'other')).toEqual({ kind: 'credential', integrations: ['one', 'two'] });
    expect(credential('c', 2, 'k')).toBeUndefined();
    expect([desired.credential(APPLICATION, 'k'), desired.credential(APPLICATION, 'other')?.id]).toEqual([undefined, 'c']);
    expect(credential('c', 4, null)).toEqual({ kind: 'credential', integrations: ['two'] });
    expect(credential('c', 3, 'other')).toBeUndefined();
    expect(desired.credential(APPLICATION, 'other')).toBeUndefined();
  });
});
