import { parseKeyFile } from '#lib/connectors';
import { CREDENTIAL_SECRET, type CredentialType } from '#lib/contracts';
import { checkHost, type EgressPolicy } from '#lib/egress';
import { type DataKey, seal } from '#lib/secrets';
import { invalid } from './failure.ts';

type Config = Record<string, unknown>;

/** What of a key file may be read: everything that is known to be no secret, and nothing else of it. */
const PUBLIC_KEY_FIELDS = [
  'type',
  'project_id',
  'private_key_id',
  'client_email',
  'client_id',
  'auth_uri',
  'token_uri',
  'auth_provider_x509_cert_url',
  'client_x509_cert_url',
  'universe_domain',
] as const;

/** A key file without its secret, as JSON text. Throws the 400 of one that is not a service account's, or that names a host that may not be reached. */
export function keyMetaJson(keyJson: string, egress: EgressPolicy): string {
  const refuse = (message: string) => invalid([{ path: ['gcpConfig', 'keyJson'], message }]);
  const parsed = parseKeyFile(keyJson);
  if (typeof parsed === 'string') throw refuse(parsed);
  for (const host of parsed.hosts) {
    const refusal = checkHost(egress, host);
    if (refusal !== undefined) throw refuse(refusal.message);
  }
  const file = JSON.parse(keyJson) as Config;
  return JSON.stringify(Object.fromEntries(PUBLIC_KEY_FIELDS.flatMap((name) => (name in file ? [[name, file[name]]] : []))));
}

export interface CredentialPlace {
  readonly applicationId: string;
  readonly id: string;
  readonly type: CredentialType;
}

/** A configuration as it is stored, or the part of it that was sent: its secret, where there is one, sealed. */
export function sealCredential(key: DataKey, egress: EgressPolicy, { applicationId, id, type }: CredentialPlace, sent: Config): Config {
  const field = CREDENTIAL_SECRET[type];
  const secret = sent[field];
  if (typeof secret !== 'string') return sent;
  const beside = type === 'gcp' ? { keyMetaJson: keyMetaJson(secret, egress) } : {};
  return { ...sent, ...beside, [field]: seal(key, secret, { applicationId, resourceId: id, field }) };
}
