/** What a running number says about those before it. */
export interface Numbered {
  /** Numbers that were never seen before this one: messages that are unexplained. */
  readonly missing: number;
  /** It was seen before: stored twice under one number. */
  readonly repeated: boolean;
}

const IN_ORDER: Numbered = { missing: 0, repeated: false };

/** The highest running number of each integration that was read, in stream order. */
export class RunningNumbers {
  readonly #last = new Map<string, number>();

  load(integrationId: string, last: number): void {
    this.#last.set(integrationId, last);
  }

  see(integrationId: string, number: number): Numbered {
    const last = this.#last.get(integrationId) ?? 0;
    if (number <= last) return { missing: 0, repeated: true };
    this.#last.set(integrationId, number);
    return number === last + 1 ? IN_ORDER : { missing: number - last - 1, repeated: false };
  }

  /** A stored message that can't be read had the next number: returns it. */
  takeNext(integrationId: string): number {
    const next = (this.#last.get(integrationId) ?? 0) + 1;
    this.#last.set(integrationId, next);
    return next;
  }
}
