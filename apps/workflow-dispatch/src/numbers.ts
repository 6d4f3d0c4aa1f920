/** What a running number says about those before it. */
export interface Numbered {
  /** Numbers that were never seen before this one: messages that are unexplained. -1: it is itself one of those, and explained now. */
  readonly missing: number;
  /** It was seen before: stored twice under one number. */
  readonly repeated: boolean;
}

const IN_ORDER: Numbered = { missing: 0, repeated: false };
/** Holes of one integration that are remembered; more than a connector has on their way at once. */
const HOLES_KEPT = 1_000;

/**
 * The running numbers of each integration that were read, in stream order. A message that was refused while the stream was full is stored behind those that
 * were on their way with it: it fills the hole it had left.
 */
export class RunningNumbers {
  readonly #last = new Map<string, number>();
  readonly #holes = new Map<string, Set<number>>();

  load(integrationId: string, last: number): void {
    this.#last.set(integrationId, last);
  }

  see(integrationId: string, number: number): Numbered {
    const last = this.#last.get(integrationId) ?? 0;
    if (number <= last) return this.#fill(integrationId, number) ? { missing: -1, repeated: false } : { missing: 0, repeated: true };
    this.#last.set(integrationId, number);
    if (number === last + 1) return IN_ORDER;
    const holes = this.#holes.get(integrationId) ?? new Set();
    for (let hole = Math.max(last + 1, number - HOLES_KEPT); hole < number; hole++) holes.add(hole);
    for (const hole of holes) {
      if (holes.size <= HOLES_KEPT) break;
      holes.delete(hole);
    }
    this.#holes.set(integrationId, holes);
    return { missing: number - last - 1, repeated: false };
  }

  /** A stored message whose number can't be read had the next one: returns it. */
  takeNext(integrationId: string): number {
    const next = (this.#last.get(integrationId) ?? 0) + 1;
    this.#last.set(integrationId, next);
    return next;
  }

  #fill(integrationId: string, number: number): boolean {
    const holes = this.#holes.get(integrationId);
    if (holes?.delete(number) !== true) return false;
    if (holes.size === 0) this.#holes.delete(integrationId);
    return true;
  }
}
