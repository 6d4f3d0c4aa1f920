import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CredentialState, type IntegrationState } from '#lib/contracts';
import { type Harness, anId, startHarness } from '../testing/harness.ts';
import { type ScriptedLink, ScriptedProvider } from '../testing/scripted-provider.ts';

/** A type that takes a service credential, on the scripted provider. */
const DEFINITION = { credential: 'http' as const, title: 'Scripted' };

describe('an integration with a service credential', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  const stateOf = async (integration: IntegrationState): Promise<string | undefined> => (await at.status(integration))?.state;
  const reasonOf = async (integration: IntegrationState): Promise<string | undefined> => (await at.status(integration))?.reason;
  const secretOf = ({ config }: ScriptedLink): unknown =>
    (config.config['credential'] as Record<string, unknown> | undefined)?.['secretValue'];

  /** An application with one credential; `rotate` gives it another secret. */
  const started = async (provider = new ScriptedProvider()) => {
    const { id: applicationId } = await at.application();
    const sealed = await at.sealing(applicationId);
    const id = anId();
    const config = (secret: string) => ({
      uriMatch: 'wss://a.example/',
      authMethod: 'header',
      publicValue: 'X-Key',
      secretValue: sealed(secret, id, 'secretValue'),
    });
    let version = 1;
    const credential = await at.credential(applicationId, { id, config: config('first') });
    const change = (over: Partial<CredentialState>): Promise<CredentialState> =>
      at.credential(applicationId, { ...credential, ...over }, ++version);
    const integration = await at.integration(applicationId, { credentialName: 'key' });
    const other = await at.integration(applicationId);
    await at.start({ provider, definition: DEFINITION });
    await expect.poll(() => [integration, other].map((one) => provider.of(one.id).length)).toEqual([1, 1]);
    const rotate = (secret: string): Promise<CredentialState> => change({ config: config(secret) });
    const remove = (): Promise<void> => at.deleteCredential(credential, ++version);
    const secrets = (): unknown[] => provider.of(integration.id).map(secretOf);
    return { provider, applicationId, integration, other, change, rotate, remove, secrets, sealed };
  };

  it('gets its fields opened beside the configuration, and nobody else does', async () => {
    const { provider, integration, other } = await started();
    expect(provider.of(integration.id)[0]?.config.config['credential']).toEqual({
      uriMatch: 'wss://a.example/',
      authMethod: 'header',
      publicValue: 'X-Key',
      secretValue: 'first',
    });
    expect(provider.of(other.id)[0]?.config.config).not.toHaveProperty('credential');
  });

  it('is told plainly of one that is disabled, renamed or deleted, and connects again by itself', async () => {
    const { provider, integration, other, change, remove } = await started();
    await change({ enabled: false });
    await expect.poll(() => stateOf(integration)).toBe('misconfigured');
    expect(await reasonOf(integration)).toBe('the credential key is disabled: enable it, or name another');
    expect(provider.of(integration.id)).toEqual([]);
    await change({});
    await expect.poll(() => stateOf(integration)).toBe('connected');
    await change({ name: 'another' });
    await expect.poll(() => reasonOf(integration)).toMatch(/^credentialName key names no credential/);
    await change({});
    await expect.poll(() => stateOf(integration)).toBe('connected');
    await remove();
    await expect.poll(() => stateOf(integration)).toBe('misconfigured');
    expect(await reasonOf(integration)).toMatch(/^credentialName key names no credential/);
    expect(provider.attemptsOf(other.id)).toBe(1);
  });

  it('calls one of another type, one that does not suit and one that cannot be opened by their names', async () => {
    const { applicationId, sealed } = await started();
    const provider = new ScriptedProvider();
    await at.stopRuntimes();
    const aws = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', region: 'r', secretAccessKey: sealed('s', anId(), 'secretAccessKey') };
    await at.credential(applicationId, { name: 'aws', type: 'aws', config: aws });
    const http = {
      uriMatch: 'https://a.example/',
      authMethod: 'header',
      publicValue: 'X',
      secretValue: sealed('s', anId(), 'secretValue'),
    };
    await at.credential(applicationId, { name: 'unfit', config: http });
    await at.credential(applicationId, { name: 'moved', config: { ...http, uriMatch: 'wss://a.example/' } });
    const [wrong, unfit, moved] = [
      await at.integration(applicationId, { credentialName: 'aws' }),
      await at.integration(applicationId, { credentialName: 'unfit' }),
      await at.integration(applicationId, { credentialName: 'moved' }),
    ];
    const credentialIssue = ({ uriMatch }: Readonly<Record<string, unknown>>): string | undefined =>
      uriMatch === 'https://a.example/' ? 'is for other addresses' : undefined;
    await at.start({ provider, definition: { ...DEFINITION, credentialIssue } });
    await expect.poll(() => reasonOf(wrong)).toBe('the credential aws is of the type aws: Scripted needs one of the type http');
    await expect.poll(() => reasonOf(unfit)).toBe('the credential unfit is for other addresses');
    await expect.poll(() => reasonOf(moved)).toMatch(/^the credential moved cannot be opened/);
  });

  it('leaves what it made at its provider with the credential it had', async () => {
    const { provider, integration, remove } = await started();
    await at.deleteIntegration(integration, 2);
    await remove();
    await expect.poll(() => provider.disposed).toEqual([integration.id]);
  });

  it('gets a new secret, and so does every other that names it, and no one else', async () => {
    const { provider, integration, other, rotate, secrets } = await started();
    await rotate('second');
    await expect.poll(secrets).toEqual(['second']);
    expect(provider.attemptsOf(integration.id)).toBe(2);
    expect(provider.attemptsOf(other.id)).toBe(1);
    await expect.poll(() => stateOf(integration)).toBe('connected');
  });
});
