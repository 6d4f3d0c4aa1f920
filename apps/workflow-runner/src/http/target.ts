import { NodeError } from '../engine/errors.ts';

/** An http service credential, in clear. */
export interface HttpCredential {
  readonly name: string;
  readonly uriMatch: string;
  readonly authMethod: 'header' | 'queryParam' | 'basicAuth' | 'clientCertificate';
  readonly publicValue: string;
  readonly secretValue: string;
}

/** A place that a request goes to. */
export interface Target {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM. */
  readonly clientCertificate?: { readonly key: string; readonly certificate: string };
}

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** Where a URI leads: an absolute http or https one, or with a credential a path behind the credential's address. Throws InvalidUri. */
export function resolveUri(uri: string, credential: HttpCredential | undefined): URL {
  const base =
    credential === undefined || SCHEME.test(uri) ? '' : `${credential.uriMatch.replace(/\/$/, '')}${uri.startsWith('/') ? '' : '/'}`;
  const url = URL.canParse(base + uri) ? new URL(base + uri) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new NodeError('InvalidUri', 'uriTemplate must come out as an address that begins with http:// or https://');
  return url;
}

/** Whether a credential may go to an address: protocol, host and port are the same, and the path begins with the credential's. */
export function mayGo({ uriMatch }: HttpCredential, url: URL): boolean {
  const match = new URL(uriMatch);
  return url.origin === match.origin && url.pathname.startsWith(match.pathname === '/' ? '' : match.pathname);
}

export const basic = (username: string, password: string): string => `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** What a credential adds to a request. */
export function withCredential({ url, headers }: Target, { authMethod, publicValue, secretValue }: HttpCredential): Target {
  switch (authMethod) {
    case 'header':
      return { url, headers: { ...headers, [publicValue.toLowerCase()]: secretValue } };
    case 'queryParam': {
      const extended = new URL(url);
      extended.searchParams.append(publicValue, secretValue);
      return { url: extended, headers };
    }
    case 'basicAuth':
      return { url, headers: { ...headers, authorization: basic(publicValue, secretValue) } };
    default:
      return { url, headers, clientCertificate: { key: secretValue, certificate: publicValue } };
  }
}
