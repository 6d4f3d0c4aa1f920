import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConnectorError, type Definition } from '#lib/connector-sdk';
import { ControlReply, type IntegrationState, controlSubject } from '#lib/contracts';
import { type Harness, startHarness } from './testing/harness.ts';
import { ScriptedProvider } from './testing/scripted-provider.ts';

const CONFIG = { protocol: 'mqtt', host: 'broker.example', port: 1883, clean: false };

describe('the lifecycle of an integration', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  const types = async (integration: IntegrationState): Promise<string[]> => (await at.inbound(integration)).map(({ type }) => type);
  const stateOf = async (integration: IntegrationState): Promise<string | undefined> => (await at.status(integration))?.state;

  it('ends with the last version, whatever was said before, and with nothing after a deletion', async () => {
    const { provider } = await at.start();
    const { id } = await at.application();
    const [kept, gone] = [await at.integration(id), await at.integration(id)];
    await expect.poll(() => provider.of(gone.id).length).toBe(1);
    for (let version = 2; version <= 120; version++) {
      const config = { ...CONFIG, port: 1000 + version };
      await Promise.all([at.integration(id, { ...kept, config }, version), at.integration(id, { ...gone, config }, version)]);
    }
    await at.deleteIntegration(gone, 121);
    await expect.poll(() => provider.of(kept.id).map(({ config }) => config.config['port'])).toEqual([1120]);
    await expect.poll(() => at.status(gone)).toBeUndefined();
    expect(provider.of(gone.id)).toEqual([]);
    await expect.poll(() => provider.disposed).toEqual([gone.id]);
    await expect.poll(async () => (await at.status(kept))?.appliedVersion).toBe(120);
  });

  it('tells of the end of a link in the shape of its type, with what the provider said of it', async () => {
    const provider = new ScriptedProvider();
    provider.script.connect = () => {
      throw new ConnectorError('lost', 'Unexpected server response: 200', { data: { statusCode: 200 } });
    };
    const endData: NonNullable<Definition['endData']> = ({ kind, reason, deliberate, data }) => ({ kind, reason, deliberate, ...data });
    await at.start({ provider, definition: { endData } });
    const { id } = await at.application();
    const integration = await at.integration(id);
    const attributes = async (): Promise<unknown> => (await at.inbound(integration)).at(-1)?.attributes;
    const refused = { kind: 'failure', reason: 'Unexpected server response: 200', deliberate: false, statusCode: 200 };
    await expect.poll(attributes).toEqual(refused);
    provider.script.connect = () => undefined;
    await expect.poll(() => stateOf(integration), { timeout: 5_000 }).toBe('connected');
    await at.integration(id, { ...integration, enabled: false }, 2);
    await expect.poll(attributes).toEqual({ kind: 'disconnect', reason: 'Disabled', deliberate: true });
  });

  it('touches no connection for a new name, and only its own for an edit', async () => {
    const { id } = await at.application();
    const [one, two] = [await at.integration(id), await at.integration(id)];
    const { provider } = await at.start();
    await expect.poll(() => provider.of(one.id).length + provider.of(two.id).length).toBe(2);
    await at.integration(id, { ...one, name: 'renamed' }, 2);
    await expect.poll(async () => (await at.status(one))?.appliedVersion).toBe(2);
    await at.integration(id, { ...two, topics: ['c'] }, 2);
    await expect.poll(() => provider.of(two.id).map(({ config }) => config.topics)).toEqual([['c']]);
    expect(provider.links.filter(({ config }) => config.integrationId === one.id).length).toBe(1);
  });

  it('connects, disconnects and connects as it is enabled, disabled and enabled, and tells each', async () => {
    const { id } = await at.application();
    const integration = await at.integration(id);
    const { provider } = await at.start();
    await expect.poll(() => stateOf(integration)).toBe('connected');
    await at.integration(id, { ...integration, enabled: false }, 2);
    await expect.poll(() => stateOf(integration)).toBe('disabled');
    expect(provider.of(integration.id)).toEqual([]);
    await at.integration(id, integration, 3);
    await expect.poll(() => stateOf(integration)).toBe('connected');
    await expect.poll(() => types(integration)).toEqual(['connect', 'disconnect', 'connect']);
  });

  it('reconnects exactly those whose rendered configuration a global changes, and opens secrets only for the provider', async () => {
    const application = await at.application();
    const sealed = await at.sealing(application.id);
    const globals = (secret: string, port: string) => [
      { key: 'port', json: port },
      { key: 'unused', json: JSON.stringify(secret) },
      { key: 'secret', json: sealed(JSON.stringify(secret), application.id, 'globals.secret') },
    ];
    const state = { ...application, secretGlobals: ['secret'], globals: globals('s1', '1884') };
    await at.application(state, 2);
    const templated = await at.integration(application.id, { config: { ...CONFIG, port: '{{globals.port}}' } });
    const id = templated.id.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    const withSecret = await at.integration(application.id, {
      id,
      config: { ...CONFIG, username: 'u-{{globals.secret}}', password: sealed('pw', id, 'password') },
    });
    const plain = await at.integration(application.id);
    const { provider } = await at.start();
    const made = (integration: IntegrationState) =>
      provider.links.filter((link) => link.config.integrationId === integration.id).map(({ config }) => config.config);
    await expect.poll(() => [templated, withSecret, plain].map((one) => provider.of(one.id).length)).toEqual([1, 1, 1]);
    expect(made(templated)).toMatchObject([{ port: 1884 }]);
    expect(made(withSecret)).toMatchObject([{ username: 'u-s1', password: 'pw' }]);
    await at.application({ ...state, globals: globals('s2', '1884') }, 3);
    await expect.poll(() => made(withSecret)).toMatchObject([{ username: 'u-s1' }, { username: 'u-s2' }]);
    await at.application({ ...state, globals: globals('s2', '"no port"') }, 4);
    await expect.poll(() => stateOf(templated)).toBe('misconfigured');
    expect((await at.status(templated))?.reason).toMatch(/^mqttConfig\.port must be a number/);
    expect(made(templated).length).toBe(1);
    expect(made(plain).length).toBe(1);
  });

  it('does not hammer a broker that refuses the credential, and tries again when told to', async () => {
    const provider = new ScriptedProvider();
    let refuse = true;
    provider.script.connect = () => {
      if (refuse) throw new ConnectorError('unauthorized', 'Unauthorized');
    };
    const { id } = await at.application();
    const integration = await at.integration(id);
    await at.start({ provider, speed: 20 });
    await expect.poll(() => stateOf(integration)).toBe('unauthorized');
    expect(provider.attemptsOf(integration.id)).toBe(1);
    expect(await at.status(integration)).toMatchObject({ reason: 'Unauthorized' });
    await expect.poll(async () => (await at.inbound(integration)).at(-1)?.attributes).toEqual({ failureReason: 'Unauthorized' });
    refuse = false;
    const answer = await at.bus.request(controlSubject('mqtt', id, integration.id), Buffer.from('{"action":"retry"}'), 2_000);
    expect(ControlReply.parse(JSON.parse(Buffer.from(answer).toString()))).toEqual({ ok: true });
    await expect.poll(() => stateOf(integration)).toBe('connected');
  });

  it('finds a link dead that answers nothing, and comes back by itself', async () => {
    const provider = new ScriptedProvider();
    const { id } = await at.application();
    const integration = await at.integration(id, { config: { ...CONFIG, clean: true } });
    await at.start({ provider, speed: 40 });
    await expect.poll(() => stateOf(integration)).toBe('connected');
    provider.script.probe = () => new Promise(() => undefined);
    await expect.poll(async () => (await at.status(integration))?.disconnectInfo?.error, { timeout: 5_000 }).toBe('Keepalive Timeout');
    provider.script.probe = () => Promise.resolve();
    await expect.poll(() => stateOf(integration), { timeout: 5_000 }).toBe('connected');
    await expect.poll(async () => (await types(integration)).slice(0, 4)).toEqual(['connect', 'disconnect', 'gap', 'connect']);
  });

  it('does not take a link for dead while it holds it back itself', async () => {
    const provider = new ScriptedProvider();
    provider.script.probe = () => new Promise(() => undefined);
    const { id } = await at.application({ limits: { messagesPerSecond: 8, burst: 10, payloads: 0, period: 'month' } });
    const integration = await at.integration(id);
    await at.start({ provider, speed: 20 });
    await expect.poll(() => provider.of(integration.id).length).toBe(1);
    const context = provider.context(integration.id);
    const released = new Promise<void>((resolve) => context.onFlow((held) => (held ? undefined : resolve())));
    const all = Promise.all(Array.from({ length: 280 }, () => context.receive({ body: Buffer.from('m'), attributes: { topic: 'a' } })));
    await released; // 19 s of the runtime's time later
    expect(provider.attemptsOf(integration.id)).toBe(1);
    expect(await stateOf(integration)).toBe('connected');
    provider.script.probe = () => Promise.resolve();
    await all;
  });

  it('calls an integration misconfigured whose secret cannot be opened, naming the field and nothing else', async () => {
    const { id } = await at.application();
    const integration = await at.integration(id, { config: { ...CONFIG, username: 'u', password: { $sealed: 'd000000000000.a.b.c' } } });
    await at.start();
    await expect.poll(() => stateOf(integration)).toBe('misconfigured');
    expect((await at.status(integration))?.reason).toMatch(/^mqttConfig\.password cannot be opened/);
  });

  it('forgets at its start what was deleted while nobody was there', async () => {
    const { id } = await at.application();
    const integration = await at.integration(id);
    const first = await at.start();
    await expect.poll(() => stateOf(integration)).toBe('connected');
    await first.runtime.stop();
    await at.deleteIntegration(integration, 2);
    const { provider } = await at.start();
    await expect.poll(() => at.status(integration)).toBeUndefined();
    expect(provider.links.some(({ config }) => config.integrationId === integration.id)).toBe(false);
  });
});
