import type { DataKey, SecretKeys } from './keys.ts';

/** Bucket KEYS: each application's wrapped key, under the application's id. */
interface KeyBucket {
  get(applicationId: string): Promise<{ readonly value: Uint8Array } | undefined>;
}

/** Applications' data keys, opened as they are needed. */
export class DataKeys {
  readonly #bucket: KeyBucket;
  readonly #master: SecretKeys;
  readonly #open = new Map<string, DataKey>();

  constructor(bucket: KeyBucket, master: SecretKeys) {
    this.#bucket = bucket;
    this.#master = master;
  }

  /** Undefined: there is none (yet). Rejects SecretError, and what the bucket does. */
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
