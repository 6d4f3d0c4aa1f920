import { hash } from 'node:crypto';
import type { InboundEvent } from '#lib/contracts';
import { definitions } from '#lib/connectors';

/** For how long a provider's redelivery is known for one at least, by the times at which messages were stored, ms. */
const KEPT_MS = 10 * 60_000;
/** Ids of one partition that are remembered at least, if they came within that time; at most twice as many. Each takes some 90 bytes. */
const KEPT = 1_000_000;

const WITH_IDS: ReadonlySet<string> = new Set(
  Object.entries(definitions).flatMap(([type, { capabilities }]) => (capabilities.providerIds ? [type] : [])),
);

/** Bytes of a digest. */
export const DIGEST_BYTES = 20;

/** A digest of a message's id, one character a byte, where its provider gave the id; a replay is a message of ours. */
export function providerIdOf({ id, number, sourceType }: InboundEvent): string | undefined {
  return number !== undefined && WITH_IDS.has(sourceType) ? hash('sha1', id, 'binary') : undefined;
}

/**
 * The ids of one partition's newest messages, so that a redelivery is known for one. The bus knows it too, but not for sure: it forgets the ids of what it
 * has purged when it is restarted (docs/adr/0022).
 */
export class RecentIds {
  #young = new Set<string>();
  #old = new Set<string>();
  /** When the first of the young ones was stored, epoch ms. */
  #since = 0;

  /** What earlier holders have committed. */
  load(ids: readonly string[]): void {
    for (const id of ids) this.#young.add(id);
  }

  /** Whether no message before this one had the id. `storedAt`: epoch ms. */
  take(id: string, storedAt: number): boolean {
    if (this.#young.has(id) || this.#old.has(id)) return false;
    if (storedAt - this.#since >= KEPT_MS || this.#young.size >= KEPT) {
      this.#old = this.#young;
      this.#young = new Set();
      this.#since = storedAt;
    }
    this.#young.add(id);
    return true;
  }
}
