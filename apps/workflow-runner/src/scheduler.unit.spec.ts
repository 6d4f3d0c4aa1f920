import { expect, it } from 'vitest';
import { Scheduler, type Task } from './scheduler.ts';

function fixture(limits = { source: 2, partition: 3, total: 4 }) {
  const scheduler = new Scheduler(limits);
  const started: string[] = [];
  const task = (name: string, source = 'a', partition = 1, ready = true): Task => ({
    partition,
    source,
    ready,
    start: () => void started.push(name),
  });
  return { scheduler, started, task };
}

it('starts what comes, in order, within the bound of a source', () => {
  const { scheduler, started, task } = fixture();
  const tasks = ['1', '2', '3', '4'].map((name) => task(name));
  for (const one of tasks) scheduler.offer(one);
  expect(started).toEqual(['1', '2']);
  scheduler.finished(task('2'));
  expect(started).toEqual(['1', '2', '3']);
});

it('holds a source behind its first task that is not ready, and no other', () => {
  const { scheduler, started, task } = fixture();
  const held = task('held', 'a', 1, false);
  scheduler.offer(held);
  scheduler.offer(task('behind'));
  scheduler.offer(task('other', 'b'));
  expect(started).toEqual(['other']);
  scheduler.clear([held]);
  expect(started).toEqual(['other', 'held', 'behind']);
});

it('bounds a partition and the whole, and lets sources take turns', () => {
  const { scheduler, started, task } = fixture({ source: 10, partition: 2, total: 3 });
  for (const name of ['a1', 'a2', 'a3', 'a4']) scheduler.offer(task(name, 'a'));
  scheduler.offer(task('b1', 'b'));
  scheduler.offer(task('c1', 'c', 2));
  scheduler.offer(task('c2', 'c', 2));
  expect(started).toEqual(['a1', 'a2', 'c1']);
  scheduler.finished(task('a1', 'a'));
  scheduler.finished(task('a2', 'a'));
  expect(started).toEqual(['a1', 'a2', 'c1', 'a3', 'c2']);
  scheduler.finished(task('a3', 'a'));
  expect(started.at(-1)).toBe('b1');
});

it('bears runs that end while they start', () => {
  const scheduler = new Scheduler({ source: 1, partition: 1, total: 1 });
  let count = 0;
  const first: Task = { partition: 1, source: 'a', ready: false, start: () => scheduler.finished(first) };
  scheduler.offer(first);
  for (let i = 0; i < 10_000; i++) {
    const next: Task = {
      partition: 1,
      source: `s${i % 7}`,
      ready: false,
      start: () => {
        count++;
        scheduler.finished(next);
      },
    };
    scheduler.offer(next);
    if (i === 9_999) scheduler.clear([first]);
    else next.ready = true;
  }
  expect(count).toBe(9_999);
  expect(scheduler.running).toBe(0);
});

it('forgets what waits of a partition that is lost', () => {
  const { scheduler, started, task } = fixture({ source: 1, partition: 1, total: 10 });
  scheduler.offer(task('1'));
  scheduler.offer(task('2'));
  expect(scheduler.drop(1)).toHaveLength(1);
  scheduler.finished(task('1'));
  expect(started).toEqual(['1']);
});

it('gives the place of a run that rests to the next, and lets it go on at once however many run by then', () => {
  const { scheduler, started, task } = fixture({ source: 1, partition: 1, total: 1 });
  for (const name of ['1', '2', '3']) scheduler.offer(task(name));
  scheduler.finished(task('1'));
  scheduler.wake(task('1'));
  expect(started).toEqual(['1', '2']);
  scheduler.finished(task('2'));
  expect(started).toEqual(['1', '2']);
  scheduler.finished(task('1'));
  expect(started).toEqual(['1', '2', '3']);
});
