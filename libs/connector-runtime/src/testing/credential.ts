import type { CredentialState } from '#lib/contracts';
import { type Harness, anId } from './harness.ts';
import type { ScriptedLink } from './scripted-provider.ts';

/** Makes the scripted provider's type one that takes a service credential. */
export const TAKES_CREDENTIAL = { credential: 'http' as const, title: 'Scripted' };

/** The secret of its credential that a link was given, in clear. */
export const secretOf = ({ config: { config } }: Pick<ScriptedLink, 'config'>): unknown =>
  (config['credential'] as Record<string, unknown> | undefined)?.['secretValue'];

/** An application with one credential, `key`, whose secret is `first`. */
export async function aCredential(at: Harness) {
  const { id: applicationId } = await at.application();
  const sealed = await at.sealing(applicationId);
  /** The fields of a credential of this id. */
  const fields = (secret: string, id: string) => ({
    uriMatch: 'wss://a.example/',
    authMethod: 'header',
    publicValue: 'X-Key',
    secretValue: sealed(secret, id, 'secretValue'),
  });
  const id = anId();
  let version = 1;
  const credential = await at.credential(applicationId, { id, config: fields('first', id) });
  const change = (over: Partial<CredentialState>): Promise<CredentialState> =>
    at.credential(applicationId, { ...credential, ...over }, ++version);
  return {
    applicationId,
    sealed,
    fields,
    change,
    /** Gives it another secret. */
    rotate: (secret: string, over: Partial<CredentialState> = {}) => change({ config: fields(secret, id), ...over }),
    remove: () => at.deleteCredential(credential, ++version),
  };
}
