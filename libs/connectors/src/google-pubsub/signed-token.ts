import { type KeyObject, createPrivateKey, sign } from 'node:crypto';
import { ConnectorError } from '#lib/connector-sdk';
import type { ServiceAccountKey } from './key-file.ts';

/** What the token is good for, and no more than that. */
const SCOPE = 'https://www.googleapis.com/auth/pubsub';
/** Google takes no token that lives longer, s. */
const LIFETIME_S = 3_600;
/** A new one is signed this long before the old one ends, s. */
const EARLY_S = 300;

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function privateKeyOf({ privateKey }: ServiceAccountKey): KeyObject {
  try {
    const key = createPrivateKey(privateKey);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // The parser's words could quote the key.
  }
  throw new ConnectorError('misconfigured', 'The private_key in the key file is not a valid RSA key: paste the whole key file.');
}

/**
 * Gives tokens that the service account signs for itself (google.aip.dev/auth/4111): no token endpoint is asked, so a key file can't send us anywhere.
 * Throws ConnectorError when the key can't sign.
 */
export function selfSignedTokens(key: ServiceAccountKey, nowMs: () => number = Date.now): () => string {
  const privateKey = privateKeyOf(key);
  const header = encoded({ alg: 'RS256', typ: 'JWT', ...(key.privateKeyId === undefined ? {} : { kid: key.privateKeyId }) });
  let token = '';
  let renewAt = 0;
  return () => {
    const now = Math.floor(nowMs() / 1000);
    if (now < renewAt) return token;
    const claims = { iss: key.clientEmail, sub: key.clientEmail, scope: SCOPE, iat: now, exp: now + LIFETIME_S };
    const unsigned = `${header}.${encoded(claims)}`;
    token = `${unsigned}.${sign('RSA-SHA256', Buffer.from(unsigned), privateKey).toString('base64url')}`;
    renewAt = now + LIFETIME_S - EARLY_S;
    return token;
  };
}
