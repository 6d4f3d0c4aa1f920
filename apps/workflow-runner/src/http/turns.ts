/** How many requests of one application are under way at once: an answer may take 5 MB. */
const AT_ONCE = 32;

/** Requests of an application wait for their turn. How many wait is bounded by what runs may do. */
export class RequestTurns {
  readonly #busy = new Map<string, { running: number; readonly waiting: (() => void)[] }>();

  /** Resolves when it is the request's turn; call what it resolves with when it has ended. */
  async enter(applicationId: string): Promise<() => void> {
    let lane = this.#busy.get(applicationId);
    if (lane === undefined) this.#busy.set(applicationId, (lane = { running: 0, waiting: [] }));
    const { waiting } = lane;
    if (lane.running < AT_ONCE) lane.running++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    const held = lane;
    return () => {
      const next = waiting.shift();
      if (next !== undefined) next();
      else if (--held.running === 0) this.#busy.delete(applicationId);
    };
  }
}
