import { AppliedRequest, appliedSubject } from '#lib/contracts';
import type { Bus, ConfigFollower } from '#lib/messaging';

/** Whoever asks waits no longer, ms; nor does a hand-over that meets a question. */
const WITHIN_MS = 2_000;

/** Tells, for the partitions that are held, when an event of the configuration is what messages are decided by. */
export class Applied {
  readonly #served = new Map<number, { stop(): Promise<void> }>();

  constructor(
    private readonly bus: Pick<Bus, 'serve'>,
    private readonly follower: Pick<ConfigFollower, 'reachedEvent'>,
  ) {}

  take(partitions: readonly number[]): void {
    for (const partition of partitions)
      if (!this.#served.has(partition))
        this.#served.set(
          partition,
          this.bus.serve(appliedSubject(partition), (_, body) => this.#answer(body)),
        );
  }

  async release(partitions: readonly number[]): Promise<void> {
    const serving = partitions.flatMap((partition) => this.#served.get(partition) ?? []);
    for (const partition of partitions) this.#served.delete(partition);
    await Promise.all(serving.map((one) => one.stop()));
  }

  async #answer(body: Uint8Array): Promise<Uint8Array> {
    const { eventPosition } = AppliedRequest.parse(JSON.parse(Buffer.from(body).toString()));
    await this.follower.reachedEvent(eventPosition, WITHIN_MS);
    return new Uint8Array();
  }
}
