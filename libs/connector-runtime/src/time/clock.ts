/** Time and chance, passed in so that tests rule them. */
export interface Clock {
  /** Epoch ms: for what people read. */
  epoch(): number;
  /** ms that only ever grow: for every duration. */
  monotonic(): number;
  /** [0, 1) */
  random(): number;
}

export const systemClock: Clock = { epoch: () => Date.now(), monotonic: () => performance.now(), random: () => Math.random() };
