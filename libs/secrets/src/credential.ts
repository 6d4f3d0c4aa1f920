import { CREDENTIAL_SECRET, type CredentialState, type CredentialType } from '#lib/contracts';
import type { DataKey } from './keys.ts';
import { isSealed, unseal } from './seal.ts';

/** Why a service credential can't be used; names it and what to change, never what is in it. */
export class CredentialError extends Error {}

/** Who uses a credential, and which. */
export interface CredentialUse {
  /** Where its name stands. */
  readonly field: string;
  readonly name: string;
  readonly type: CredentialType | undefined;
  /** As people call it. */
  readonly user: string;
  /** Why one of that type can't be used all the same; gets the fields that are no secret. */
  readonly issue?: ((open: Readonly<Record<string, unknown>>) => string | undefined) | undefined;
}

/** The fields of the credential that has the name now, in clear: not to be kept longer than its use. Throws CredentialError. */
export function openCredential(
  { field, name, type: wanted, user, issue }: CredentialUse,
  credential: CredentialState | undefined,
  key: DataKey | undefined,
): Record<string, unknown> {
  if (credential === undefined)
    throw new CredentialError(`${field} ${name} names no credential of this application: make one, or name another`);
  const { applicationId, id, enabled, type, config } = credential;
  if (!enabled) throw new CredentialError(`the credential ${name} is disabled: enable it, or name another`);
  if (type !== wanted)
    throw new CredentialError(`the credential ${name} is of the type ${type}: ${user} needs one of the type ${wanted ?? 'none'}`);
  const { keyMetaJson: _readable, [CREDENTIAL_SECRET[type]]: sealed, ...open } = config;
  const unfit = issue?.(open);
  if (unfit !== undefined) throw new CredentialError(`the credential ${name} ${unfit}`);
  if (key === undefined || !isSealed(sealed))
    throw new CredentialError(`the credential ${name} cannot be opened: the application's key is not there`);
  try {
    return { ...open, [CREDENTIAL_SECRET[type]]: unseal(key, sealed, { applicationId, resourceId: id, field: CREDENTIAL_SECRET[type] }) };
  } catch (cause) {
    throw new CredentialError(`the credential ${name} cannot be opened: it was sealed with another key or for another place`, { cause });
  }
}
