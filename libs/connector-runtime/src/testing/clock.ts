import type { Clock } from '../time/clock.ts';

/** A clock that stands until the test lets time pass; its chance is the same each time. */
export function aClock(seed = 1) {
  let now = 1_000_000;
  let state = seed;
  const clock: Clock = {
    epoch: () => now,
    monotonic: () => now,
    random: () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647,
  };
  return { clock, pass: (ms: number) => (now += ms) };
}
