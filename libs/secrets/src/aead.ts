import { type KeyObject, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { SecretError } from './error.ts';

/** AES-256-GCM with a fresh random 96-bit nonce; safe for 2^32 texts a key (NIST SP 800-38D §8.3), far beyond what one application seals. */
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** `<key id>.<nonce>.<tag>.<ciphertext>`, base64url each but the id. */
export function encrypt(keyId: string, key: KeyObject, clear: Uint8Array, associated: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(associated));
  const sealed = Buffer.concat([cipher.update(clear), cipher.final()]);
  return [keyId, encode(nonce), encode(cipher.getAuthTag()), encode(sealed)].join('.');
}

/** Id of the key that a text says it was sealed with. */
export function keyIdOf(text: string): string {
  const [id = ''] = text.split('.');
  return id;
}

export function decrypt(keyId: string, key: KeyObject, text: string, associated: string): Buffer {
  const parts = text.split('.');
  const [id, nonceText, tagText, sealedText] = parts;
  if (parts.length !== 4 || id === undefined || nonceText === undefined || tagText === undefined || sealedText === undefined)
    throw new SecretError('format', 'A sealed secret has the wrong form.');
  if (id !== keyId)
    throw new SecretError('wrongKey', `A secret was sealed with the key ${/^\w{1,16}$/.test(id) ? id : '?'}, not with ${keyId}.`);
  const [nonce, tag, sealed] = [nonceText, tagText, sealedText].map((part) => Buffer.from(part, 'base64url')) as [Buffer, Buffer, Buffer];
  if (nonce.length !== NONCE_BYTES || tag.length !== TAG_BYTES) throw new SecretError('format', 'A sealed secret has the wrong form.');
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(associated));
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch (cause) {
    throw new SecretError('tampered', 'A sealed secret was changed, or stands where it was not sealed for.', { cause });
  }
}
