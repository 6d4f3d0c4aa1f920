import type { TimerWheel } from './wheel.ts';

/** `work`, or `late` once the time is up; what comes of `work` then is nobody's any more, its rejection included. */
export function within<T, L>(wheel: TimerWheel, ms: number, work: Promise<T>, late: () => L): Promise<T | L> {
  return new Promise<T | L>((resolve, reject) => {
    const timer = wheel.after(ms, () => resolve(late()));
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
