import { expect, it } from 'vitest';
import { PurgeFloor } from './purge-floor.ts';

it('lets go only of what the runner has committed', () => {
  const floor = new PurgeFloor();
  floor.saw(10, 1, 5);
  floor.saw(11, 2, 5);
  expect(floor.through(10)).toBe(10);
  expect(floor.through(11)).toBe(11);
});

it('keeps what dispatch has not committed, whatever the runner has', () => {
  const floor = new PurgeFloor();
  floor.saw(10, 1, 0);
  floor.saw(11, 2, 0);
  expect(floor.through(11)).toBe(0);
  floor.saw(12, 3, 1);
  expect(floor.through(12)).toBe(10);
  floor.saw(13, 4, 3);
  expect(floor.through(13)).toBe(12);
});

it('keeps a fan-out together', () => {
  const floor = new PurgeFloor();
  floor.saw(10, 1, 0);
  floor.saw(11, 1, 0);
  floor.saw(12, 2, 1);
  expect(floor.through(10)).toBe(0);
  expect(floor.through(12)).toBe(11);
});
