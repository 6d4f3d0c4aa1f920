/** A binary heap: the first by `before` at hand, everything else in logarithmic time. */
export class Heap<T> {
  #items: T[] = [];

  constructor(private readonly before: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent];
      if (above === undefined || !this.before(item, above)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  /** Removes the first. */
  pop(): void {
    const items = this.#items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [items[child], items[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && this.before(right, left)) child++;
      const below = items[child] ?? left;
      if (!this.before(below, last)) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
  }

  /** Holds these alone. */
  fill(items: Iterable<T>): void {
    this.#items = [];
    for (const item of items) this.push(item);
  }
}
