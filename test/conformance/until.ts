/** Google's emulator gives what was not acknowledged over a broken link again in steps of 10 s: after 10 to 60 s mostly, once not within 90. */
const WITHIN_MS = 240_000;

/** Resolves when a condition holds; throws, saying what was waited for and what was last seen, when it never does. A look that fails is taken again. */
export async function until<T>(what: string, see: () => Promise<T> | T, holds: (seen: T) => boolean, withinMs = WITHIN_MS): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  let cause: unknown;
  // A look may be dear: it is taken at ever longer intervals.
  for (let pauseMs = 10; performance.now() < deadline; pauseMs = Math.min(500, pauseMs * 1.3)) {
    try {
      const seen = await see();
      if (holds(seen)) return seen;
      last = seen;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  throw new Error(`never came: ${what}; last seen: ${JSON.stringify(last)?.slice(0, 500)}`, { cause });
}
