/** A connection string, taken apart. */
export interface ConnectionString {
  readonly host: string;
  /** Absent: AMQP over TLS on 5671. */
  readonly port?: number;
  readonly keyName?: string;
  readonly key?: string;
  readonly signature?: string;
  /** Present when it is scoped to one hub. */
  readonly entityPath?: string;
  /** Plain TCP, for a local emulator. */
  readonly emulator: boolean;
}

const KEYS: ReadonlySet<string> = new Set([
  'endpoint',
  'sharedaccesskeyname',
  'sharedaccesskey',
  'sharedaccesssignature',
  'entitypath',
  'usedevelopmentemulator',
]);

/**
 * Reads a connection string strictly: the client dials the *second* of two `Endpoint=` parts, so repeated and unknown parts are refused, and what the
 * egress guard checks is what is dialled. Returns the reason as text when it is not valid; never quotes it, for it holds a key.
 */
export function parseConnectionString(source: string): ConnectionString | string {
  const parts = new Map<string, string>();
  for (const part of source.split(';')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    if (at <= 0) return 'must consist of parts as Key=value, separated by ;';
    const key = part.slice(0, at).trim().toLowerCase();
    if (!KEYS.has(key))
      return 'has a part that is not known; known are Endpoint, SharedAccessKeyName, SharedAccessKey, SharedAccessSignature and EntityPath';
    if (parts.has(key)) return 'has the same part twice';
    parts.set(key, part.slice(at + 1).trim());
  }
  const endpoint = /^(?:sb|amqps?):\/\/([^/?#@]+)\/?$/i.exec(parts.get('endpoint') ?? '');
  if (endpoint === null || !URL.canParse(`http://${endpoint[1]}/`)) return 'needs an Endpoint as sb://<namespace>.servicebus.windows.net/';
  const { hostname } = new URL(`http://${endpoint[1]}/`);
  const [, port = ''] = /:(\d+)$/.exec(endpoint[1] ?? '') ?? []; // a URL leaves out the port that is its protocol's own
  const keyName = parts.get('sharedaccesskeyname');
  const key = parts.get('sharedaccesskey');
  const signature = parts.get('sharedaccesssignature');
  if (!signature && (!keyName || !key)) return 'needs SharedAccessKeyName and SharedAccessKey';
  const entityPath = parts.get('entitypath');
  return {
    host: hostname,
    ...(port === '' ? {} : { port: Number(port) }),
    ...(keyName ? { keyName } : {}),
    ...(key ? { key } : {}),
    ...(signature ? { signature } : {}),
    ...(entityPath ? { entityPath } : {}),
    emulator: parts.get('usedevelopmentemulator')?.toLowerCase() === 'true',
  };
}

/** Why a text is no name of a hub or a consumer group; undefined: it may be one. Names become parts of addresses and of what is signed. */
export const nameIssue = (name: string): string | undefined =>
  /^\$?[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(name)
    ? undefined
    : 'must consist of letters, digits, periods, hyphens and underscores';
