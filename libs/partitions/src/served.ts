interface Serving {
  stop(): Promise<void>;
}

/** What is answered of partitions, each for as long as it is held. */
export class Served {
  readonly #serving = new Map<number, Serving>();

  /** `answer` begins to answer what is asked of a partition; its `stop` resolves once what was asked before is answered. */
  constructor(private readonly answer: (partition: number) => Serving) {}

  take(partitions: readonly number[]): void {
    for (const partition of partitions) if (!this.#serving.has(partition)) this.#serving.set(partition, this.answer(partition));
  }

  /** Hears no new questions at once; resolves once those at hand are answered. */
  async release(partitions: readonly number[]): Promise<void> {
    const serving = partitions.flatMap((partition) => this.#serving.get(partition) ?? []);
    for (const partition of partitions) this.#serving.delete(partition);
    await Promise.all(serving.map((one) => one.stop()));
  }
}
