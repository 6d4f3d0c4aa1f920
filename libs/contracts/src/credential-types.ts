import { z } from 'zod';

/** The types of service credentials, as they stand on the wire. */
export const CredentialType = z.enum(['aws', 'azure', 'gcp', 'http']);
export type CredentialType = z.infer<typeof CredentialType>;

/** The name of a type's configuration object in a credential. */
export const credentialConfigOf = (type: CredentialType): `${CredentialType}Config` => `${type}Config`;

/** The one field of each type that is a secret: sealed before it reaches an event, and in no answer. */
export const CREDENTIAL_SECRET = {
  aws: 'secretAccessKey',
  azure: 'accountKey',
  gcp: 'keyJson',
  http: 'secretValue',
} as const satisfies Record<CredentialType, string>;
