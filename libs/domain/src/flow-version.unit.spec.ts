import { describe, expect, it } from 'vitest';
import type { FlowVersionPost, FlowVersionState } from '#lib/contracts';
import { asDefault, DomainError, flowVersion } from './index.ts';

const NOW = '2026-11-25T07:30:00.000Z';
const LATER = '2026-11-26T07:30:00.000Z';
const made = (input: Partial<FlowVersionPost> = {}): FlowVersionState => {
  let ids = 0;
  const [event] = flowVersion.decide(
    {
      name: 'create',
      id: 'v'.repeat(24),
      applicationId: 'a'.repeat(24),
      flowId: 'f'.repeat(24),
      flowClass: 'cloud',
      now: NOW,
      newId: () => `made-${++ids}`,
      input: { version: 'v1', ...input },
    },
    null,
  );
  if (event?.state === undefined || event.state === null) throw new Error('nothing was made');
  return event.state;
};

describe('a version', () => {
  it('is made with what was sent, keys and ids that were missing, and empty lists for the rest', () => {
    expect(made({ notes: 'n', triggers: [{ type: 'timer' }], nodes: [{ type: 'DebugNode' }] })).toEqual({
      id: 'v'.repeat(24),
      applicationId: 'a'.repeat(24),
      flowId: 'f'.repeat(24),
      flowClass: 'cloud',
      version: 'v1',
      notes: 'n',
      enabled: true,
      triggers: [{ type: 'timer', key: 'made-1' }],
      nodes: [{ type: 'DebugNode', id: 'made-2' }],
      globals: [],
      creationDate: NOW,
      lastUpdated: NOW,
    });
  });

  it('has links to its own nodes alone', () => {
    expect(() => made({ triggers: [{ type: 'timer', outputIds: [['gone']] }] })).toThrow(DomainError);
  });

  it('changes in notes and switch alone, and not for nothing', () => {
    const state = made();
    const update = (input: { notes?: string; enabled?: boolean }) => flowVersion.decide({ name: 'update', now: LATER, input }, state);
    expect(update({ notes: 'x', enabled: false })).toEqual([
      { type: 'FlowVersionUpdated', state: { ...state, notes: 'x', enabled: false, lastUpdated: LATER } },
    ]);
    expect(update({ enabled: true })).toEqual([]);
    expect(() => flowVersion.decide({ name: 'update', now: LATER, input: {} }, null)).toThrow(/does not exist/);
  });

  it('leaves to its workflow what that runs by', () => {
    const { id, version, enabled, triggers, nodes, globals } = made();
    expect(asDefault(made({ notes: 'not this' }))).toEqual({ id, version, enabled, triggers, nodes, globals });
  });
});
