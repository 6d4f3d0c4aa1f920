import { createHash } from 'node:crypto';

/** The oldest are forgotten then: the new link takes seconds to come up, and what is held bounds what comes meanwhile. */
const MAX_REMEMBERED = 65_536;

/**
 * Where a provider sends the same messages through each link of an integration and gives them no ids: tells which of a new link's messages the old one brought.
 * Each message of the old link stands for one of the new link's, and what stands before the first that both brought came before the new link was there.
 */
export class Overlap {
  /** Content → how many such messages the old link brought that the new one hasn't; in their order. */
  readonly #brought = new Map<string, number>();
  #met = false;

  /** The old link brought it. */
  brought(content: string): void {
    const key = keyOf(content);
    this.#brought.set(key, (this.#brought.get(key) ?? 0) + 1);
    const [oldest] = this.#brought.keys();
    if (this.#brought.size > MAX_REMEMBERED && oldest !== undefined) this.#brought.delete(oldest);
  }

  /** Whether this message of the new link came through the old one. */
  repeats(content: string): boolean {
    const key = keyOf(content);
    const times = this.#brought.get(key);
    if (times === undefined) return false;
    if (!this.#met) this.#forgetBefore(key);
    this.#met = true;
    if (times > 1) this.#brought.set(key, times - 1);
    else this.#brought.delete(key);
    return true;
  }

  #forgetBefore(first: string): void {
    for (const key of this.#brought.keys()) {
      if (key === first) return;
      this.#brought.delete(key);
    }
  }
}

const keyOf = (content: string): string => createHash('sha256').update(content).digest('base64');
