import type { CredentialState } from '#lib/contracts';
import { CredentialError, type DataKey, type DataKeys, openCredential, SecretError } from '#lib/secrets';
import { NodeError } from '../engine/errors.ts';
import type { HttpCredential } from './target.ts';

/** Opens applications' http service credentials by their names, each time they are used. What it gives rejects NodeError. */
export function httpCredentials(
  find: (applicationId: string, name: string) => CredentialState | undefined,
  keys: Pick<DataKeys, 'of'>,
): (applicationId: string, name: string) => Promise<HttpCredential> {
  return async (applicationId, name) => {
    const credential = find(applicationId, name);
    const key = credential === undefined ? undefined : await keyOf(keys, applicationId);
    try {
      const opened = openCredential({ field: 'credentialNameTemplate:', name, type: 'http', user: 'an HTTP node' }, credential, key);
      return { ...(opened as unknown as Omit<HttpCredential, 'name'>), name };
    } catch (error) {
      if (error instanceof CredentialError) throw new NodeError('CredentialNotUsable', error.message, { cause: error });
      throw error;
    }
  };
}

async function keyOf(keys: Pick<DataKeys, 'of'>, applicationId: string): Promise<DataKey | undefined> {
  try {
    return await keys.of(applicationId);
  } catch (cause) {
    if (cause instanceof SecretError) return undefined;
    throw new NodeError('CredentialNotUsable', 'the key of the application can not be read now', { cause });
  }
}
