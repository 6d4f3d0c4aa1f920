import { ConnectorError } from '#lib/connector-sdk';
import { basicAuthorization } from '../http.ts';
import type { TlsSettings } from '../tls.ts';
import { HEADER_NAME, RESERVED_HEADER, SUBPROTOCOLS, type WebsocketConfig, subprotocolsOf } from './config.ts';

/** An HTTP service credential, as the runtime opened it. */
export interface HttpCredential {
  readonly authMethod: 'header' | 'queryParam' | 'basicAuth' | 'clientCertificate';
  /** What the address must begin with: same protocol, host and port, and the path starts with it. */
  readonly uriMatch: string;
  /** The header's or parameter's name, the user name, or the certificate (PEM). */
  readonly publicValue?: string | undefined;
  /** The header's or parameter's value, the password, or the private key (PEM). */
  readonly secretValue?: string | undefined;
}

export type ResolvedConfig = WebsocketConfig & { readonly credential?: HttpCredential | undefined };

/** Everything that the upgrade request is made of. */
export interface Upgrade {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Offered to the server, which must choose one where there are any. */
  readonly subprotocols: readonly string[];
  /** Undefined: ws, without TLS. */
  readonly tls: TlsSettings | undefined;
  /** Texts that no reason may repeat. */
  readonly secrets: readonly string[];
}

const misconfigured = (message: string): ConnectorError => new ConnectorError('misconfigured', message);

/** Whether a credential may be sent to `url`. */
export function uriMatches(uriMatch: string, url: URL): boolean {
  if (!URL.canParse(uriMatch)) return false;
  const match = new URL(uriMatch);
  const place = ({ protocol, host }: URL): string => `${protocol}//${host}`;
  return place(match) === place(url) && `${url.pathname}${url.search}`.startsWith(`${match.pathname}${match.search}`);
}

/** What a configuration, with its credential filled in, asks to be sent. Throws ConnectorError `misconfigured`, naming the field and quoting no value. */
export function upgradeOf(config: ResolvedConfig): Upgrade {
  const url = parsedUrl(config.url);
  const headers: Record<string, string> = {};
  for (const { headerKey, headerValue } of config.headers ?? []) setHeader(headers, headerKey, headerValue, 'headers');
  const secrets = (config.headers ?? []).map(({ headerValue }) => headerValue);
  const { credential, caCertificate, disableSSLVerification } = config;
  if (credential === undefined) {
    if (config.password !== undefined) {
      setHeader(headers, 'Authorization', basicAuthorization(config.username ?? '', config.password), 'username and password');
      secrets.push(config.password);
    }
  } else {
    if (!uriMatches(credential.uriMatch, url))
      throw misconfigured('The credential is for another address: url must begin with its uriMatch (same protocol, host and port).');
    secrets.push(credential.secretValue ?? '');
    apply(credential, url, headers);
  }
  // The name in a certificate is checked against the host that is dialled.
  const certificate = credential?.authMethod === 'clientCertificate' ? certificateOf(credential, url) : config;
  const { privateKey } = certificate;
  const tls = { privateKey, certificate: certificate.certificate, caCertificate, disableSSLVerification };
  if (headers['Authorization'] !== undefined) secrets.push(headers['Authorization']);
  return {
    url,
    headers,
    subprotocols: takeSubprotocols(headers),
    tls: url.protocol === 'wss:' ? tls : undefined,
    secrets: secrets.filter((secret) => secret.length > 0),
  };
}

/** Takes the header of the subprotocols out of `headers`: the client writes it, and looks at what the server chooses. */
function takeSubprotocols(headers: Record<string, string>): readonly string[] {
  const name = Object.keys(headers).find((header) => header.toLowerCase() === SUBPROTOCOLS);
  if (name === undefined) return [];
  const subprotocols = subprotocolsOf(headers[name] ?? '');
  if (subprotocols === undefined) throw misconfigured(`The header ${name} must name subprotocols, each once, with commas between them.`);
  Reflect.deleteProperty(headers, name);
  return subprotocols;
}

function parsedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:'))
    throw misconfigured('url must be a URL that begins with ws:// or wss://.');
  url.hash = '';
  return url;
}

function apply({ authMethod, publicValue = '', secretValue = '' }: HttpCredential, url: URL, headers: Record<string, string>): void {
  switch (authMethod) {
    case 'header':
      if (!HEADER_NAME.test(publicValue) || RESERVED_HEADER.test(publicValue.toLowerCase()))
        throw misconfigured('The publicValue of the credential is not the name of a header that can be set.');
      return setHeader(headers, publicValue, secretValue, 'the credential');
    case 'queryParam':
      if (url.searchParams.has(publicValue)) throw misconfigured('url already has the query parameter that the credential sets.');
      // Appended as text, so that the query that is there stays as it was written.
      url.search = `${url.search}${url.search === '' ? '?' : '&'}${encodeURIComponent(publicValue)}=${encodeURIComponent(secretValue)}`;
      return;
    case 'basicAuth':
      return setHeader(headers, 'Authorization', basicAuthorization(publicValue, secretValue), 'the credential');
    case 'clientCertificate':
      return;
  }
}

function certificateOf({ publicValue, secretValue }: HttpCredential, url: URL): TlsSettings {
  if (url.protocol !== 'wss:') throw misconfigured('The credential is a client certificate: url must begin with wss://.');
  return { certificate: publicValue, privateKey: secretValue };
}

function setHeader(headers: Record<string, string>, name: string, value: string, by: string): void {
  if (Object.keys(headers).some((other) => other.toLowerCase() === name.toLowerCase()))
    throw misconfigured(`The header ${name} is set twice, by headers and by ${by}: remove one.`);
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(value))
    throw misconfigured(`The value of the header ${name}, set by ${by}, has a character that a header may not have.`);
  headers[name] = value;
}
