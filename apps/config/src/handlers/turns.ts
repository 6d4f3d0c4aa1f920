/** Commands on one aggregate wait for their turn here: of those decided side by side all but one would be decided in vain. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Does `work` once all that came before it under this id has ended, well or badly. */
  async take<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(id);
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.#last.set(id, ended);
    await before;
    try {
      return await work();
    } finally {
      end();
      if (this.#last.get(id) === ended) this.#last.delete(id);
    }
  }
}
