/**
 * Lets few go at once. Those who wait take turns by their owner, and none has all the places: one whose work hangs doesn't keep the others waiting.
 */
export class Turns {
  readonly #busy = new Map<object, number>();
  readonly #waiting = new Map<object, (() => void)[]>();
  #sum = 0;

  /** `most` at once in all, `mostEach` of one owner. */
  constructor(
    private readonly most: number,
    private readonly mostEach: number,
  ) {}

  async take<T>(owner: object, work: () => Promise<T>): Promise<T> {
    if (!this.#enter(owner)) {
      await new Promise<void>((go) => {
        const queue = this.#waiting.get(owner) ?? [];
        queue.push(go);
        this.#waiting.set(owner, queue);
      });
    }
    try {
      return await work();
    } finally {
      this.#leave(owner);
    }
  }

  #enter(owner: object): boolean {
    const busy = this.#busy.get(owner) ?? 0;
    if (this.#sum >= this.most || busy >= this.mostEach) return false;
    this.#busy.set(owner, busy + 1);
    this.#sum++;
    return true;
  }

  #leave(owner: object): void {
    this.#sum--;
    const busy = (this.#busy.get(owner) ?? 1) - 1;
    if (busy > 0) this.#busy.set(owner, busy);
    else this.#busy.delete(owner);
    for (const [next, queue] of this.#waiting) {
      if (!this.#enter(next)) continue;
      this.#waiting.delete(next);
      queue.shift()?.();
      if (queue.length > 0) this.#waiting.set(next, queue); // behind the others
      return;
    }
  }
}
