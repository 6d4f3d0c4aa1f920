import type { SharedConnection } from './shared-connection.ts';
import type { Target } from './target.ts';

/** Which connections of this process may be joined. None is used by two applications, nor by two who authenticate differently. */
export class SharedConnections {
  readonly #offered = new Map<string, SharedConnection>();

  /** The one to join, or one that `make` makes. `onRetired`: it may not be joined any more. */
  offered(
    applicationId: string,
    { host, port, secure, hub, access }: Target,
    make: (onRetired: () => void) => SharedConnection,
  ): SharedConnection {
    const key = JSON.stringify([applicationId, host, port, secure, hub, access]);
    const found = this.#offered.get(key);
    if (found !== undefined) return found;
    const made = make(() => {
      if (this.#offered.get(key) === made) this.#offered.delete(key);
    });
    this.#offered.set(key, made);
    return made;
  }
}
