import { expect, it } from 'vitest';
import type { StoredEvent } from './event.ts';
import { schemaVersionOf, upcast, type Upcasters } from './upcast.ts';

const stored = (schemaVersion: number, state: unknown): StoredEvent => ({
  position: 7,
  id: '019ab3b1-0000-7000-8000-000000000000',
  kind: 'lamp',
  streamId: 'one',
  applicationId: 'app',
  subtype: '-',
  version: 3,
  type: 'LampChanged',
  schemaVersion,
  state,
  actor: { type: 'system', id: 'test' },
  time: '2026-01-01T00:00:00.000Z',
});

const upcasters: Upcasters = {
  LampChanged: {
    1: ({ brightness, ...rest }) => ({ ...rest, percent: Number(brightness) * 100 }),
    2: ({ percent, ...rest }) => ({ ...rest, level: { percent } }),
  },
};

it('an event of any older version arrives in the shape of today, step by step', () => {
  expect(upcast(upcasters, stored(1, { name: 'a', brightness: 0.5 })).state).toEqual({ name: 'a', level: { percent: 50 } });
  expect(upcast(upcasters, stored(2, { name: 'a', percent: 7 })).state).toEqual({ name: 'a', level: { percent: 7 } });
  expect(upcast(upcasters, stored(3, { name: 'a', level: { percent: 1 } }))).toMatchObject({ schemaVersion: 3, state: { name: 'a' } });
});

it('a deletion stays one', () => {
  expect(upcast(upcasters, stored(1, null)).state).toBeNull();
});

it('new events are written with the newest version', () => {
  expect(schemaVersionOf(upcasters, 'LampChanged')).toBe(3);
  expect(schemaVersionOf(upcasters, 'LampSold')).toBe(1);
});

it('an event that a newer program wrote, or that nothing lifts, is refused rather than misread', () => {
  expect(() => upcast(upcasters, stored(4, {}))).toThrow(/run a newer one/);
  expect(() => upcast({ LampChanged: { 2: (state) => state } }, stored(1, {}))).toThrow(/Nothing lifts/);
});
