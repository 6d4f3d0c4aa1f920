import type { KvBucket } from '#lib/messaging';
import type { DataKey, SecretKeys } from '#lib/secrets';

/** Applications' data keys, opened as they are needed: bucket KEYS holds each wrapped, under the application's id. */
export class DataKeys {
  readonly #bucket: KvBucket;
  readonly #master: SecretKeys;
  readonly #open = new Map<string, DataKey>();

  constructor(bucket: KvBucket, master: SecretKeys) {
    this.#bucket = bucket;
    this.#master = master;
  }

  /** Undefined: there is none (yet). Rejects BusError, SecretError. */
  async of(applicationId: string): Promise<DataKey | undefined> {
    const known = this.#open.get(applicationId);
    if (known !== undefined) return known;
    const entry = await this.#bucket.get(applicationId);
    if (entry === undefined) return undefined;
    const key = this.#master.open(applicationId, Buffer.from(entry.value).toString('utf8'));
    this.#open.set(applicationId, key);
    return key;
  }

  /** The application is gone, and what it still had to clean up is cleaned up. */
  forget(applicationId: string): void {
    this.#open.delete(applicationId);
  }
}
