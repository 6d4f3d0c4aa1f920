import type { SendReply } from '#lib/contracts';

/** How many ids an integration's table keeps: the oldest goes first. */
const MAX_ANSWERED = 2_048;

/**
 * The sends that were tried, by id: a request that is repeated because its reply was lost gets the first one's outcome instead of a second send. One that
 * was not tried (disconnected, busy, …) isn't kept: its repeat is a new try.
 */
export class AnsweredSends {
  readonly #outcomes = new Map<string, Promise<SendReply>>();

  /** The outcome of this id, still under way perhaps; else that of `attempt`. */
  once(id: string, attempt: () => Promise<SendReply>): Promise<SendReply> {
    const known = this.#outcomes.get(id);
    if (known !== undefined) return known;
    const outcome = attempt();
    this.#outcomes.set(id, outcome);
    if (this.#outcomes.size > MAX_ANSWERED) {
      const [oldest = ''] = this.#outcomes.keys();
      this.#outcomes.delete(oldest);
    }
    outcome.then(
      (reply) => {
        if (!wasTried(reply) && this.#outcomes.get(id) === outcome) this.#outcomes.delete(id);
      },
      () => this.#outcomes.delete(id),
    );
    return outcome;
  }

  /** The next request of this id is a new try. */
  forget(id: string): void {
    this.#outcomes.delete(id);
  }

  knows(id: string): boolean {
    return this.#outcomes.has(id);
  }

  get size(): number {
    return this.#outcomes.size;
  }
}

const wasTried = ({ verdict }: SendReply): boolean => verdict === 'succeeded' || verdict === 'failed' || verdict === 'unknown';
