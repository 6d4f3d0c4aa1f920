import { hostOfUrl } from '../fields.ts';

/** What we use of a service account's key file. */
export interface ServiceAccountKey {
  readonly clientEmail: string;
  readonly privateKey: string;
  readonly projectId?: string;
  readonly privateKeyId?: string;
  /** Domain of the cloud that the account belongs to; Google's own is googleapis.com. */
  readonly universeDomain: string;
  /** Hosts that the authentication library would connect to on the file's word. */
  readonly hosts: readonly string[];
}

const URL_FIELDS = ['token_uri', 'auth_uri', 'auth_provider_x509_cert_url', 'client_x509_cert_url'] as const;

/**
 * Reads a key file. Only service accounts: other types make the authentication library post local files to a URL of the file's choosing. Returns the
 * reason as text when it is not valid; never quotes it, for it holds a key.
 */
export function parseKeyFile(source: string): ServiceAccountKey | string {
  let file: unknown;
  try {
    file = JSON.parse(source);
  } catch {
    return 'must be the JSON text of a key file'; // the parser's message would quote the key
  }
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return 'must be the JSON text of a key file';
  const fields = file as Record<string, unknown>;
  const string = (name: string): string | undefined => (typeof fields[name] === 'string' && fields[name] !== '' ? fields[name] : undefined);
  if (string('type') !== 'service_account') return 'must be the key file of a service account';
  const clientEmail = string('client_email');
  const privateKey = string('private_key');
  if (clientEmail === undefined || privateKey === undefined) return 'must have client_email and private_key';
  const hosts: string[] = [];
  for (const name of URL_FIELDS) {
    const url = fields[name];
    if (url === undefined) continue;
    const host = typeof url === 'string' ? hostOfUrl(url, ['https', 'http']) : undefined;
    if (host === undefined) return `has no valid URL in ${name}`;
    hosts.push(host);
  }
  const universe = fields['universe_domain'];
  if (universe !== undefined && !(typeof universe === 'string' && /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(universe)))
    return 'has no valid domain in universe_domain';
  if (typeof universe === 'string') hosts.push(`pubsub.${universe}`);
  const projectId = string('project_id');
  const privateKeyId = string('private_key_id');
  return {
    clientEmail,
    privateKey,
    ...(projectId === undefined ? {} : { projectId }),
    ...(privateKeyId === undefined ? {} : { privateKeyId }),
    universeDomain: typeof universe === 'string' ? universe : 'googleapis.com',
    hosts: [...new Set(hosts)],
  };
}
