import type { Sealed } from '#lib/contracts';
import { decrypt, encrypt } from './aead.ts';
import { DataKey } from './keys.ts';

/** Where a secret stands: a sealed text opens in this place only. In `field` `*` stands for a list's index. */
export interface SecretPlace {
  readonly applicationId: string;
  /** Integration, application (for a global), credential. */
  readonly resourceId: string;
  /** `password`, `headers.*.headerValue`, `globals.<key>`. */
  readonly field: string;
}

const associated = ({ applicationId, resourceId, field }: SecretPlace): string => JSON.stringify([applicationId, resourceId, field]);

export const seal = (key: DataKey, clear: string, place: SecretPlace): Sealed => ({
  $sealed: encrypt(key.id, DataKey.reveal(key), Buffer.from(clear, 'utf8'), associated(place)),
});

/** The clear text; SecretError when the key or the place is another, or the text was changed. */
export const unseal = (key: DataKey, sealed: Sealed, place: SecretPlace): string =>
  decrypt(key.id, DataKey.reveal(key), sealed.$sealed, associated(place)).toString('utf8');

export const isSealed = (value: unknown): value is Sealed =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(value).length === 1 &&
  typeof (value as { $sealed?: unknown }).$sealed === 'string';
