import { PARTITIONS } from '#lib/contracts';
import { describe, expect, it } from 'vitest';
import { encodeHeartbeat, encodeLease, LeaseView, planOwnership } from './lease-view.ts';

const LEASE_MS = 10_000;
const clockAt = (time: number, wall = 1_000_000 + time): { monotonic(): number; wall(): number } => ({
  monotonic: () => time,
  wall: () => wall,
});

function aView(leases: Record<number, { holder: string | null; token: number }>, heartbeats: Record<string, number>): LeaseView {
  const view = new LeaseView('test', LEASE_MS);
  for (const [replica, seenAt] of Object.entries(heartbeats))
    view.observe(`replica.test.${replica}`, encodeHeartbeat({ at: 1_000_000 + seenAt, partitions: 0 }), 1, clockAt(seenAt));
  for (const [partition, lease] of Object.entries(leases)) view.observe(`lease.test.${partition}`, encodeLease(lease), 1, clockAt(0));
  return view;
}
const everything = (holder: string): Record<number, { holder: string; token: number }> =>
  Object.fromEntries(Array.from({ length: PARTITIONS }, (_, partition) => [partition, { holder, token: 1 }]));

describe('planOwnership', () => {
  it('claims everything when it is the only one', () => {
    const { claim, giveBack } = planOwnership(aView({}, {}), 'me', new Set(), 0);
    expect([...claim].sort((a, b) => a - b)).toEqual(Array.from({ length: PARTITIONS }, (_, partition) => partition));
    expect(giveBack).toEqual([]);
  });

  it('takes nothing from a holder that lives, and all that its share allows from one that is silent for a lease time', () => {
    const view = aView(everything('other'), { other: 0 });
    expect(planOwnership(view, 'me', new Set(), LEASE_MS - 1).claim).toEqual([]);
    expect(planOwnership(view, 'me', new Set(), LEASE_MS).claim).toHaveLength(PARTITIONS);
  });

  it('gives back only what is over its share when another joins', () => {
    const held = new Set(Array.from({ length: PARTITIONS }, (_, partition) => partition));
    expect(planOwnership(aView(everything('me'), { other: 0 }), 'me', held, 1).giveBack).toHaveLength(PARTITIONS / 2);
  });

  it('takes its own old leases at once when it comes back under its name', () => {
    expect(planOwnership(aView(everything('me'), { other: 0 }), 'me', new Set(), 1).claim).toHaveLength(PARTITIONS / 2);
  });

  it('takes leases whose holder left no heartbeat', () => {
    expect(planOwnership(aView(everything('gone'), {}), 'me', new Set(), 0).claim).toHaveLength(PARTITIONS);
  });
});

describe('LeaseView', () => {
  it('ages heartbeats by its own clock, whatever the wall clock of their writer says', () => {
    const view = new LeaseView('test', LEASE_MS);
    view.observe('replica.test.ahead', encodeHeartbeat({ at: 9e12, partitions: 1 }), 1, clockAt(0));
    expect(view.isAlive('ahead', LEASE_MS - 1)).toBe(true);
    expect(view.isAlive('ahead', LEASE_MS)).toBe(false);
  });

  it('holds a heartbeat for dead at first sight when it is minutes old', () => {
    const view = new LeaseView('test', LEASE_MS);
    view.observe('replica.test.old', encodeHeartbeat({ at: 0, partitions: 1 }), 1, clockAt(0, 600_000));
    expect(view.isAlive('old', 0)).toBe(false);
  });

  it('forgets only replicas that are long silent and named by no lease', () => {
    const view = aView({ 3: { holder: 'holder', token: 1 } }, { holder: 0, idle: 0 });
    expect(view.isForgettable('idle', LEASE_MS)).toBe(false);
    expect(view.isForgettable('idle', 6 * LEASE_MS)).toBe(true);
    expect(view.isForgettable('holder', 6 * LEASE_MS)).toBe(false);
  });

  it('keeps to the newest revision, and to the token of a key that holds something else', () => {
    const view = aView({ 3: { holder: 'a', token: 7 } }, {});
    view.observe('lease.test.3', encodeLease({ holder: 'old', token: 6 }), 0, clockAt(0));
    expect(view.lease(3)).toMatchObject({ holder: 'a', token: 7 });
    view.observe('lease.test.3', Buffer.from('?'), 2, clockAt(0));
    expect(view.lease(3)).toMatchObject({ holder: null, token: 7, revision: 2 });
    expect(view.observe('lease.other.3', encodeLease({ holder: 'b', token: 1 }), 3, clockAt(0))).toBe(false);
  });
});
