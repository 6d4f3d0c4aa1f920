import { createHmac } from 'node:crypto';

export interface AccessKey {
  readonly name: string;
  readonly key: string;
  readonly claims: readonly ('Listen' | 'Send' | 'Manage')[];
}

const signed = (key: string, resource: string, expiry: string): string =>
  createHmac('sha256', key).update(`${resource}\n${expiry}`).digest('base64');

/** A shared access signature for a resource until `expiresAt` (epoch s), as the portal and the clients make it. */
export function signature({ name, key }: Pick<AccessKey, 'name' | 'key'>, resource: string, expiresAt: number): string {
  const encoded = encodeURIComponent(resource);
  const sig = encodeURIComponent(signed(key, encoded, String(expiresAt)));
  return `SharedAccessSignature sr=${encoded}&sig=${sig}&se=${expiresAt}&skn=${encodeURIComponent(name)}`;
}

/** The key that signed a token, for the resource if one is named, or why it is not good, in the service's words. */
export function keyOf(token: unknown, audience: string | undefined, keys: readonly AccessKey[]): AccessKey | string {
  const [scheme, query = ''] = String(token).split(' ');
  // Base64 has a plus that is no space.
  const parts = new Map(query.split('&').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] as const));
  const [resource = '', sig = '', expiry = '', name = ''] = ['sr', 'sig', 'se', 'skn'].map((part) => parts.get(part));
  if (scheme !== 'SharedAccessSignature' || sig === '') return 'MalformedToken: The token is malformed.';
  const key = keys.find((candidate) => candidate.name === decodeURIComponent(name));
  if (key === undefined || signed(key.key, resource, expiry) !== decodeURIComponent(sig))
    return 'InvalidSignature: The token has an invalid signature.';
  if (Number(expiry) <= Date.now() / 1000) return `ExpiredToken: The token is expired. Expiration time: '${expiry}'.`;
  if (audience?.toLowerCase().startsWith(decodeURIComponent(resource).toLowerCase().replace(/\/$/, '')) === false)
    return 'InvalidAudience: The authorization header contains a token for another resource.';
  return key;
}
