/** Keeps what was parsed last: at most so many entries and so much source in all. A source longer than a quarter of that isn't kept. */
export class Lru<T> {
  readonly #entries = new Map<string, T>();
  #characters = 0;

  constructor(
    readonly maxEntries: number,
    readonly maxCharacters: number,
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  get characters(): number {
    return this.#characters;
  }

  get(source: string, make: (source: string) => T): T {
    const known = this.#entries.get(source);
    if (known !== undefined) {
      this.#entries.delete(source);
      this.#entries.set(source, known);
      return known;
    }
    const made = make(source);
    if (source.length <= this.maxCharacters / 4) {
      this.#entries.set(source, made);
      this.#characters += source.length;
      this.#shrink();
    }
    return made;
  }

  #shrink(): void {
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.maxEntries && this.#characters <= this.maxCharacters) return;
      this.#entries.delete(oldest);
      this.#characters -= oldest.length;
    }
  }
}
