import { describe, expect, it } from 'vitest';
import type { InboundEvent, PlanLimits } from '#lib/contracts';
import { change, inbound } from '../../../test/builders/inbound.ts';
import { application, APPLICATION, INTEGRATION, integration, trigger, workflow, WORKFLOW } from '../../../test/builders/runs.ts';
import { Catalog } from './catalog.ts';
import { unusable } from './dead-letters.ts';
import { type Books, charge, decide, type Decided, decidePoison, type Decision, undeliverable } from './decide.ts';
import { TimerBook } from './timer-book.ts';
import { RunningNumbers } from './numbers.ts';
import { QuotaBook } from './quota.ts';
import { RecentIds } from './recent-ids.ts';

interface Given {
  readonly limits?: Partial<PlanLimits>;
  readonly enabled?: boolean;
  readonly workflows?: string[];
}

function given({ limits = {}, enabled = true, workflows = [WORKFLOW] }: Given = {}): {
  readonly catalog: Catalog;
  readonly books: Books;
  readonly when: (changes?: Partial<InboundEvent>, already?: Decided) => Decision;
} {
  const catalog = new Catalog();
  const plan = application().limits;
  catalog.apply(change('application', APPLICATION, application({ limits: { ...plan, ...limits } })));
  catalog.apply(change('integration', INTEGRATION, integration({ enabled })));
  for (const id of workflows) catalog.apply(change('workflow', id, workflow([], { id, triggers: [trigger([])] })));
  const books = { numbers: new RunningNumbers(), quota: new QuotaBook(), timers: new TimerBook(), ids: new RecentIds() };
  return { catalog, books, when: (changes, already) => decide(inbound(changes), catalog, books, already) };
}

describe('a message', () => {
  it('starts the workflows that match, and is counted in the period it was stored in', () => {
    expect(given().when({ number: 1 })).toEqual({
      workflows: [WORKFLOW],
      trigger: { type: 'integration', key: INTEGRATION },
      effect: {
        applicationId: APPLICATION,
        sourceId: INTEGRATION,
        sourceType: 'mqtt',
        type: 'message',
        triggered: 1,
        message: {
          outcome: 'dispatched',
          number: 1,
          missing: 0,
          repeated: false,
          redelivered: false,
          quota: {
            period: { key: 'month:2026-11', started: new Date('2026-11-01T00:00:00.000Z') },
            storedAt: Date.parse('2026-11-25T07:30:00.000Z'),
            firstRefused: false,
          },
        },
      },
    });
  });

  it('that nothing waits for is unmatched, and uses quota', () => {
    const { workflows, effect } = given({ workflows: [] }).when();
    expect(workflows).toEqual([]);
    expect(effect.message).toMatchObject({ outcome: 'unmatched', quota: { firstRefused: false } });
  });

  it('beyond the quota is refused, the first one so marked, until the next period', () => {
    const { when } = given({ limits: { payloads: 1, period: 'hour' } });
    const outcomes = ['07:00', '07:01', '07:59', '08:00'].map((at) => when({ time: `2026-11-25T${at}:00.000Z` }).effect.message);
    expect(outcomes.map((message) => [message?.outcome, message?.quota?.firstRefused])).toEqual([
      ['dispatched', false],
      ['rejectedByQuota', true],
      ['rejectedByQuota', false],
      ['dispatched', false],
    ]);
  });

  it('of a disabled or deleted integration, or of no application, is disabled and uses no quota', () => {
    const off = given({ enabled: false, limits: { payloads: 1 } });
    expect(off.when().effect.message).toMatchObject({ outcome: 'disabled' });
    expect(off.when().effect.message?.quota).toBeUndefined();
    const { catalog, when } = given({ limits: { payloads: 1 } });
    catalog.apply(change('integration', INTEGRATION, null));
    expect(when().effect.message?.outcome).toBe('disabled');
    catalog.apply(change('integration', INTEGRATION, integration()));
    catalog.apply(change('application', APPLICATION, null));
    expect(when().effect.message?.outcome).toBe('disabled');
  });

  it('of which some triggers are stored already starts the rest of them, whatever has changed, and is charged', () => {
    const { catalog, books, when } = given({ enabled: false, limits: { payloads: 3 }, workflows: [] });
    const charged = [1, 2].map(() => charge(inbound(), catalog, books));
    catalog.apply(change('integration', INTEGRATION, integration()));
    expect([1, 2].map((number) => when({ number }).effect.message?.outcome)).toEqual(['unmatched', 'rejectedByQuota']);
    for (const [index, period] of charged.entries()) {
      const { workflows, effect } = when({ number: index + 3 }, { all: ['a', 'b'], charged: period });
      expect(workflows).toEqual(['a', 'b']);
      expect(effect).toMatchObject({ triggered: 2, message: { outcome: 'dispatched', quota: { period, firstRefused: false } } });
    }
    expect(when({ number: 5 }).effect.message?.outcome).toBe('rejectedByQuota');
  });

  it('says which numbers before it are missing, and whether it came twice', () => {
    const { when } = given();
    expect(when({ number: 3 }).effect.message).toMatchObject({ number: 3, missing: 2, repeated: false });
    expect(when({ number: 3 }).effect.message).toMatchObject({ number: 3, missing: 0, repeated: true });
    expect(when({ redelivered: true }).effect.message).toMatchObject({ missing: 0, repeated: false, redelivered: true });
  });
});

describe('a message whose provider gives ids', () => {
  const again = { id: 'i:1:m1', sourceType: 'sqs' };

  it('starts workflows once: the next one of its id is a duplicate, uses no quota, and has nothing to be kept', () => {
    const { when } = given({ limits: { payloads: 2 } });
    const first = when({ ...again, number: 1 }).effect.message;
    expect(first).toMatchObject({ outcome: 'dispatched', id: expect.any(String) });
    const { workflows, effect } = when({ ...again, number: 2 });
    expect([workflows, effect.triggered]).toEqual([[], 0]);
    expect(effect.message).toMatchObject({ outcome: 'duplicate', number: 2, missing: 0, repeated: false });
    expect(effect.message).not.toHaveProperty('id');
    expect(effect.message).not.toHaveProperty('quota');
    expect(when({ ...again, id: 'i:1:m2', number: 3 }).effect.message?.outcome).toBe('dispatched');
  });

  it('is a duplicate too of one that started nothing', () => {
    const { catalog, when } = given({ enabled: false });
    expect(when({ ...again, number: 1 }).effect.message?.outcome).toBe('disabled');
    catalog.apply(change('integration', INTEGRATION, integration()));
    expect(when({ ...again, number: 2 }).effect.message?.outcome).toBe('duplicate');
  });

  it('of which triggers are stored already is known by its id afterwards', () => {
    const { when } = given();
    expect(when({ ...again, number: 1 }, { all: [WORKFLOW] }).effect.message).toMatchObject({
      outcome: 'dispatched',
      id: expect.any(String),
    });
    expect(when({ ...again, number: 2 }).effect.message?.outcome).toBe('duplicate');
  });
});

describe('an event beside the messages', () => {
  it('uses no quota and has no number', () => {
    const { when } = given({ limits: { payloads: 1 } });
    for (const type of ['connect', 'gap', 'oversize'] as const) {
      const { effect } = when({ type, attributes: { from: 'f', to: 't', cause: 'c' } });
      expect(effect).toMatchObject({ type, triggered: 0 });
      expect(effect.message).toBeUndefined();
    }
    expect(when().effect.message?.outcome).toBe('dispatched');
  });

  it('of a gap carries its bounds and cause, without what PostgreSQL refuses', () => {
    const attributes = { from: '2026-11-25T07:00:00.000Z', to: '2026-11-25T07:00:09.000Z', cause: 'link\0 lost' };
    expect(given().when({ type: 'gap', attributes }).effect.gap).toEqual({ ...attributes, cause: 'link lost' });
  });

  it('of a pressed button starts its workflow, as long as it has that button', () => {
    const { catalog, when } = given();
    catalog.apply(change('workflow', WORKFLOW, workflow([], { triggers: [{ type: 'virtualButton', key: 'go' }] })));
    const pressed = when({ type: 'press', sourceId: WORKFLOW, attributes: { key: 'go' } });
    expect([pressed.workflows, pressed.trigger]).toEqual([[WORKFLOW], { type: 'virtualButton', key: 'go' }]);
    expect(when({ type: 'press', sourceId: WORKFLOW, attributes: { key: 'gone' } }).workflows).toEqual([]);
  });
});

describe('what nothing can be decided about', () => {
  const dead = { applicationId: APPLICATION, sourceId: INTEGRATION, type: 'message', number: 'unknown', reason: 'odd' } as const;

  it.each([
    ['its time', { time: 'now' }],
    ['its time', { time: '+012026-01-01T00:00:00.000Z' }],
    ['its running number', { number: 0 }],
    ['its running number', { number: 1.5 }],
    ['the type of its source', { sourceType: 'a\0' }],
    ['the bounds of the gap', { type: 'gap', attributes: { from: 'x', to: '2026-11-25T07:00:00.000Z' } }],
  ] as const)('is known by %s', (what, changes) => {
    expect(unusable(inbound(changes))).toContain(what);
    expect(unusable(inbound())).toBeUndefined();
  });

  it('is a dead letter under its own number where that can be read', () => {
    const numbers = new RunningNumbers();
    expect(decidePoison({ ...dead, number: 2 }, numbers).message).toMatchObject({ outcome: 'deadLettered', number: 2, missing: 1 });
    expect(numbers.see(INTEGRATION, 3)).toEqual({ missing: 0, repeated: false });
  });

  it('takes the next number where that can not be read, and none where it has none', () => {
    const numbers = new RunningNumbers();
    expect(decidePoison(dead, numbers).message).toMatchObject({ number: 1, missing: 0 });
    expect(decidePoison({ ...dead, number: Number.NaN }, numbers).message).toMatchObject({ number: 2 });
    expect(decidePoison({ ...dead, type: undefined }, numbers).message).toMatchObject({ number: 3 });
    expect(decidePoison({ ...dead, number: 'none' }, numbers).message?.number).toBeUndefined();
    expect(decidePoison({ ...dead, type: 'connect' }, numbers)).toMatchObject({ type: 'connect', triggered: 0 });
    expect(numbers.see(INTEGRATION, 4)).toEqual({ missing: 0, repeated: false });
  });

  it('is dead-lettered too when none of its triggers can ever be stored', () => {
    const { effect } = given().when({ number: 1 });
    expect(undeliverable(effect, 1)).toMatchObject({ triggered: 0, message: { outcome: 'deadLettered', number: 1 } });
    expect(undeliverable({ ...effect, triggered: 2 }, 1)).toMatchObject({ triggered: 1, message: { outcome: 'dispatched' } });
  });
});

describe('a firing', () => {
  const T = Date.parse('2026-11-25T07:30:00.000Z');
  const timed = (enabled = true) => {
    const known = given({ workflows: [] });
    const triggers = ['a', 'b'].map((key) => ({ type: 'timer', key, config: { seconds: 60 } }));
    known.catalog.apply(change('workflow', WORKFLOW, workflow([], { enabled, triggers })));
    const fired = (key: string, at: number, already?: readonly string[]) =>
      known.when({ type: 'timer', sourceId: WORKFLOW, sourceType: 'timer', attributes: { key, at } }, already && { all: already });
    return { ...known, fired };
  };

  it('starts its workflow once for each instant, whoever fires it', () => {
    const { fired } = timed();
    expect(fired('a', T)).toMatchObject({
      workflows: [WORKFLOW],
      trigger: { type: 'timer', key: 'a' },
      effect: { type: 'timer', triggered: 1, timer: { name: JSON.stringify([WORKFLOW, 'a']), at: T } },
    });
    expect(fired('a', T).workflows).toEqual([]);
    expect(fired('b', T).workflows).toEqual([WORKFLOW]);
    expect(fired('a', T + 60_000).workflows).toEqual([WORKFLOW]);
    expect(fired('a', T).workflows).toEqual([]);
  });

  it('knows what was committed before, and lets what a predecessor has published stand', () => {
    const { books, fired } = timed();
    books.timers.load(JSON.stringify([WORKFLOW, 'a']), T);
    expect(fired('a', T).workflows).toEqual([]);
    expect(fired('a', T + 1, [WORKFLOW]).workflows).toEqual([WORKFLOW]);
    expect(fired('a', T + 1).workflows).toEqual([]);
  });

  it('of a timer that is gone, or off, starts nothing', () => {
    expect(timed().fired('c', T).workflows).toEqual([]);
    expect(timed(false).fired('a', T).workflows).toEqual([]);
  });

  it('without an instant is nothing that can be decided', () => {
    expect(unusable(inbound({ type: 'timer', attributes: { key: 'a', at: 'noon' } }))).toMatch(/instant/);
  });
});

describe('an error of a workflow', () => {
  it('starts every workflow that hears of it, the narrowest scope first', () => {
    const { catalog, when } = given({ workflows: [] });
    const [erring, other] = ['0c0000000000000000000008', '0c0000000000000000000009'];
    const listen = (id: string, scope: string) =>
      catalog.apply(change('workflow', id, workflow([], { id, triggers: [{ type: 'flowError', key: 'k', config: { scope } }] })));
    listen(WORKFLOW, 'global');
    listen(erring, 'local');
    listen(other, 'local');
    const attributes = { key: `${erring}-flowError`, flowClass: 'cloud' };
    expect(when({ type: 'flowError', sourceId: erring, sourceType: 'flowError', attributes })).toMatchObject({
      workflows: [erring, WORKFLOW],
      trigger: { type: 'flowError', key: `${erring}-flowError` },
      effect: { type: 'flowError', sourceId: erring, triggered: 2 },
    });
  });
});
