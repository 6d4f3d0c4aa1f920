import { describe, expect, it } from 'vitest';
import type { ApplicationPatch, ApplicationState, GlobalsPatch } from '#lib/contracts';
import { application, type SealGlobal } from './application.ts';
import { DomainError } from './error.ts';

const seal: SealGlobal = (key, json) => ({ $sealed: `sealed ${key}=${json.length}` });
const NOW = '2026-02-01T00:00:00.000Z';
const given = (change: Partial<ApplicationState> = {}): ApplicationState => ({
  id: 'a'.repeat(24),
  name: 'App',
  globals: [
    { key: 'plain', json: '1', description: 'kept' },
    { key: 'secret', json: { $sealed: 'old' } },
  ],
  secretGlobals: ['secret'],
  limits: { messagesPerSecond: 20, burst: 20, payloads: 0, period: 'month' },
  creationDate: '2026-01-01T00:00:00.000Z',
  lastUpdated: '2026-01-01T00:00:00.000Z',
  ...change,
});
const update = (input: ApplicationPatch, state = given()): ApplicationState | null | undefined =>
  application.decide({ name: 'update', now: NOW, input, seal }, state)[0]?.state;
const setGlobals = (input: GlobalsPatch, state = given()): ApplicationState | null | undefined =>
  application.decide({ name: 'setGlobals', now: NOW, input, seal }, state)[0]?.state;
function issuesOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainError) return error.issues.map(({ path }) => path.join('.'));
    throw error;
  }
  return 'nothing was refused';
}

describe('an application', () => {
  it('is created with its plan and with the globals that are named secret sealed', () => {
    const input = { name: 'App', globals: [{ key: 'k', json: '"v"' }], secretGlobals: ['k'], limits: { payloads: 9 } };
    const [event] = application.decide({ name: 'create', id: 'b'.repeat(24), now: NOW, input, seal }, null);
    expect(event).toMatchObject({
      type: 'ApplicationCreated',
      state: {
        globals: [{ key: 'k', json: { $sealed: 'sealed k=3' } }],
        limits: { payloads: 9, messagesPerSecond: 20 },
        creationDate: NOW,
      },
    });
  });

  it('keeps what a patch does not name, and moves the time of change', () => {
    expect(update({ name: 'New', limits: { burst: 5 } })).toEqual({
      ...given(),
      name: 'New',
      limits: { ...given().limits, burst: 5 },
      lastUpdated: NOW,
    });
  });

  it('does not change by a patch that says what is so already', () => {
    expect(
      update({
        name: 'App',
        globals: [
          { key: 'plain', json: '1', description: 'kept' },
          { key: 'secret', json: '"********"' },
        ],
      }),
    ).toBeUndefined();
  });

  it('seals a global that becomes secret, and never opens one that is', () => {
    expect(update({ secretGlobals: ['secret', 'plain'] })?.globals[0]?.json).toEqual({ $sealed: 'sealed plain=1' });
    expect(issuesOf(() => update({ secretGlobals: [] }))).toEqual(['secretGlobals']);
    const opened = update({ secretGlobals: [], globals: [{ key: 'secret', json: '"new"' }] });
    expect(opened?.globals).toEqual([{ key: 'secret', json: '"new"' }]);
  });

  it('refuses a mask that stands for nothing', () => {
    expect(issuesOf(() => update({ globals: [{ key: 'x', json: '"********"' }], secretGlobals: ['x'] }))).toEqual(['globals.0.json']);
  });

  it('merges globals by key: null removes, absent keeps', () => {
    const next = setGlobals([
      { key: 'plain', json: null },
      { key: 'secret', description: 'now described' },
      { key: 'more', json: '[2]' },
    ]);
    expect(next?.globals).toEqual([
      { key: 'secret', json: { $sealed: 'old' }, description: 'now described' },
      { key: 'more', json: '[2]' },
    ]);
    expect(issuesOf(() => setGlobals([{ key: 'unknown' }]))).toEqual(['0.json']);
  });

  it('has at most 100 globals', () => {
    const full = given({ globals: Array.from({ length: 100 }, (_, n) => ({ key: `k${n}`, json: '1' })), secretGlobals: [] });
    expect(issuesOf(() => setGlobals([{ key: 'one-more', json: '1' }], full))).toEqual(['']);
    expect(
      setGlobals(
        [
          { key: 'one-more', json: '1' },
          { key: 'k0', json: null },
        ],
        full,
      )?.globals,
    ).toHaveLength(100);
  });

  it('that is gone can neither change nor go again', () => {
    expect(application.decide({ name: 'delete' }, given())).toEqual([{ type: 'ApplicationDeleted', state: null }]);
    expect(() => application.decide({ name: 'delete' }, null)).toThrow('does not exist');
    expect(() => application.decide({ name: 'update', now: NOW, input: {}, seal }, null)).toThrow('does not exist');
  });
});
