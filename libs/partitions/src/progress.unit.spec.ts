import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Progress } from './progress.ts';

it('moves only past what is finished without a hole, and has each effect in exactly one batch', () => {
  const steps = fc.array(fc.oneof(fc.constant('deliver'), fc.constant('commit'), fc.nat(50)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (script) => {
      const progress = new Progress<number>(100);
      const open = new Map<number, (effect: number) => boolean>();
      const completed: number[] = [];
      const passed: number[] = [];
      const wrong: number[] = [];
      let next = 101;
      const commit = (): void => {
        const batch = progress.takeBatch(0, 1);
        completed.push(...batch.completed.map(({ position }) => position));
        passed.push(...batch.passed.map(({ position }) => position));
        progress.settle(batch);
        wrong.push(...[...open.keys()].filter((position) => position <= batch.through));
      };
      for (const step of script) {
        if (step === 'deliver') open.set(next, progress.deliver(next++));
        else if (step === 'commit') commit();
        else {
          const [position, finish] = [...open][step % Math.max(1, open.size)] ?? [];
          if (position === undefined || finish === undefined) continue;
          if (!finish(position) || finish(position)) wrong.push(position);
          open.delete(position);
        }
      }
      for (const [position, finish] of open) finish(position);
      open.clear();
      commit();
      const all = Array.from({ length: next - 101 }, (_, index) => 101 + index);
      expect(wrong).toEqual([]);
      expect(passed).toEqual(all);
      expect(completed.toSorted((a, b) => a - b)).toEqual(all);
      expect(progress.committed).toBe(next - 1);
      expect(progress.inFlight).toBe(0);
    }),
  );
});
