import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { IntegrationState } from '#lib/contracts';
import { TAKES_CREDENTIAL, secretOf, aCredential } from '../testing/credential.ts';
import { type Harness, anId, startHarness } from '../testing/harness.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';

describe('an integration with a service credential', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  const stateOf = async (integration: IntegrationState): Promise<string | undefined> => (await at.status(integration))?.state;
  const reasonOf = async (integration: IntegrationState): Promise<string | undefined> => (await at.status(integration))?.reason;

  /** Two integrations that are connected, one of which names the credential. */
  const started = async (provider = new ScriptedProvider()) => {
    const credential = await aCredential(at);
    const integration = await at.integration(credential.applicationId, { credentialName: 'key' });
    const other = await at.integration(credential.applicationId);
    await at.start({ provider, definition: TAKES_CREDENTIAL });
    await expect.poll(() => [integration, other].map((one) => provider.of(one.id).length)).toEqual([1, 1]);
    const secrets = (): unknown[] => provider.of(integration.id).map(secretOf);
    return { ...credential, provider, integration, other, secrets };
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
    const { applicationId, sealed, fields } = await started();
    const provider = new ScriptedProvider();
    await at.stopRuntimes();
    const aws = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', region: 'r', secretAccessKey: sealed('s', anId(), 'secretAccessKey') };
    await at.credential(applicationId, { name: 'aws', type: 'aws', config: aws });
    // Sealed for others than those that have it.
    const moved = fields('s', anId());
    await at.credential(applicationId, { name: 'unfit', config: { ...moved, uriMatch: 'https://a.example/' } });
    await at.credential(applicationId, { name: 'moved', config: moved });
    const [wrong, unfit, unopened] = [
      await at.integration(applicationId, { credentialName: 'aws' }),
      await at.integration(applicationId, { credentialName: 'unfit' }),
      await at.integration(applicationId, { credentialName: 'moved' }),
    ];
    const credentialIssue = ({ uriMatch }: Readonly<Record<string, unknown>>): string | undefined =>
      uriMatch === 'https://a.example/' ? 'is for other addresses' : undefined;
    await at.start({ provider, definition: { ...TAKES_CREDENTIAL, credentialIssue } });
    await expect.poll(() => reasonOf(wrong)).toBe('the credential aws is of the type aws: Scripted needs one of the type http');
    await expect.poll(() => reasonOf(unfit)).toBe('the credential unfit is for other addresses');
    await expect.poll(() => reasonOf(unopened)).toMatch(/^the credential moved cannot be opened/);
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
