import { describe, expect, it } from 'vitest';
import type { Blueprint } from './blueprint.ts';
import { type Standing, transition } from './transition.ts';

const blueprint = (over: Partial<Blueprint> = {}): Blueprint => ({
  fingerprint: 'a with secret 1',
  base: 'a',
  host: 'h',
  delivery: 'at-least-once',
  version: 1,
  label: 'version 1',
  ...over,
});
const standing = (over: Partial<Standing> = {}): Standing => ({
  applied: blueprint(),
  phase: 'up',
  waiting: false,
  state: 'connected',
  ...over,
});

describe('how a connection comes to be made of what is wanted', () => {
  it('stays as it is where it is made of that, or about to be, whatever the version', () => {
    for (const phase of ['up', 'dialing'] as const) expect(transition(blueprint({ version: 2 }), standing({ phase }))).toBe('keep');
    expect(transition(blueprint({ version: 2 }), standing({ phase: 'idle', waiting: true, state: 'disconnected' }))).toBe('keep');
  });

  it('stands until the new one does where only a secret is another one', () => {
    const rotated = blueprint({ fingerprint: 'a with secret 2' });
    expect(transition(rotated, standing())).toBe('beside');
    expect(transition(rotated, standing({ phase: 'dialing' }))).toBe('anew');
    expect(transition(rotated, standing({ phase: 'idle', waiting: true }))).toBe('anew');
  });

  it('ends first where more than a secret is another, and where there was none', () => {
    expect(transition(blueprint({ fingerprint: 'b', base: 'b' }), standing())).toBe('anew');
    expect(transition(blueprint(), standing({ applied: undefined, phase: 'idle', state: undefined }))).toBe('anew');
  });

  it('is tried at once with a new version where the user had to change something', () => {
    for (const state of ['misconfigured', 'unauthorized'] as const) {
      const waiting = standing({ phase: 'idle', waiting: true, state });
      expect(transition(blueprint(), waiting)).toBe('keep');
      expect(transition(blueprint({ version: 2 }), waiting)).toBe('anew');
    }
  });
});
