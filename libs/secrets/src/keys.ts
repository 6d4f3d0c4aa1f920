import { type KeyObject, createHash, createSecretKey, randomBytes } from 'node:crypto';
import { decrypt, encrypt, keyIdOf } from './aead.ts';
import { SecretError } from './error.ts';

export const KEY_BYTES = 32;

/** Made so that logging, printing or serialising one shows its id at most. */
export class DataKey {
  readonly #key: KeyObject;
  constructor(
    readonly id: string,
    key: KeyObject,
  ) {
    this.#key = key;
  }
  /** For this lib's sealing only. */
  static reveal(dataKey: DataKey): KeyObject {
    return dataKey.#key;
  }
}

interface MasterKey {
  readonly id: string;
  readonly key: KeyObject;
}

function masterKeyOf(bytes: Uint8Array): MasterKey {
  if (bytes.length !== KEY_BYTES)
    throw new SecretError('keyFile', `A master key must have ${KEY_BYTES} bytes; this one has ${bytes.length}.`);
  // The id tells keys apart in a wrapped text; 48 bits of a hash say nothing useful about 256 random bits.
  const id = createHash('sha256').update('sluice master key id\0').update(bytes).digest('hex').slice(0, 12);
  return { id: `m${id}`, key: createSecretKey(bytes) };
}

const wrapping = (applicationId: string, dataKeyId: string): string => JSON.stringify(['data key', applicationId, dataKeyId]);

/** The master key, and the data keys it wraps: one for each application, so that deleting an application's key makes its secrets unreadable. */
export class SecretKeys {
  readonly #current: MasterKey;
  readonly #all: readonly MasterKey[];

  /** `previous`: master keys that data keys may still be wrapped with, while a rotation is under way. */
  constructor(masterKey: Uint8Array, previous: readonly Uint8Array[] = []) {
    this.#current = masterKeyOf(masterKey);
    this.#all = [this.#current, ...previous.map(masterKeyOf)];
  }

  /** A new data key; store and publish `wrapped`. */
  newDataKey(applicationId: string): { wrapped: string; key: DataKey } {
    const bytes = randomBytes(KEY_BYTES);
    const key = new DataKey(`d${randomBytes(6).toString('hex')}`, createSecretKey(bytes));
    const wrapped = this.#wrap(applicationId, key.id, bytes);
    bytes.fill(0);
    return { wrapped, key };
  }

  /** Opens a wrapped data key; SecretError `wrongKey` when another master key wrapped it. */
  open(applicationId: string, wrapped: string): DataKey {
    const { id, bytes } = this.#unwrap(applicationId, wrapped);
    const key = new DataKey(id, createSecretKey(bytes));
    bytes.fill(0);
    return key;
  }

  /** The same data key wrapped with the current master key: what was sealed stays readable. */
  rewrap(applicationId: string, wrapped: string): string {
    const { id, bytes } = this.#unwrap(applicationId, wrapped);
    const again = this.#wrap(applicationId, id, bytes);
    bytes.fill(0);
    return again;
  }

  /** Whether a data key is wrapped with the current master key. */
  isCurrent(wrapped: string): boolean {
    return wrapped.split(':')[1]?.startsWith(`${this.#current.id}.`) ?? false;
  }

  #wrap(applicationId: string, id: string, bytes: Uint8Array): string {
    return `${id}:${encrypt(this.#current.id, this.#current.key, bytes, wrapping(applicationId, id))}`;
  }

  #unwrap(applicationId: string, wrapped: string): { id: string; bytes: Buffer } {
    const [id, text, ...rest] = wrapped.split(':');
    if (id === undefined || text === undefined || rest.length > 0 || !/^d[0-9a-f]{12}$/.test(id))
      throw new SecretError('format', 'A wrapped data key has the wrong form.');
    const master = this.#all.find((candidate) => candidate.id === keyIdOf(text));
    if (master === undefined)
      throw new SecretError('wrongKey', `The data key of application ${applicationId} was wrapped with another master key than this one.`);
    const bytes = decrypt(master.id, master.key, text, wrapping(applicationId, id));
    if (bytes.length !== KEY_BYTES) throw new SecretError('format', 'A data key has the wrong size.');
    return { id, bytes };
  }
}
