import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConnectorError } from '#lib/connector-sdk';
import { CheckReply, type CheckRequest, type IntegrationState, checkSubject } from '#lib/contracts';
import { TAKES_CREDENTIAL } from '../testing/credential.ts';
import { type Harness, anId, startHarness } from '../testing/harness.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';

const CONFIG = { protocol: 'mqtt', host: 'broker.example', port: 1883, clean: false };

describe('a check of a configuration', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  const ask = async (state: Partial<IntegrationState>, withinMs = 10_000): Promise<CheckReply> => {
    const time = new Date().toISOString();
    const request: CheckRequest = {
      state: {
        id: anId(),
        applicationId: anId(),
        name: 'candidate',
        enabled: false,
        integrationType: 'mqtt',
        topics: [],
        config: CONFIG,
        creationDate: time,
        lastUpdated: time,
        ...state,
      },
      withinMs,
    };
    return CheckReply.parse(
      JSON.parse(Buffer.from(await at.bus.request(checkSubject('mqtt'), Buffer.from(JSON.stringify(request)), 15_000)).toString()),
    );
  };
  const resolves = { step: 'resolve', ok: true, message: expect.any(String) };

  it('makes no connection of an integration, and needs none', async () => {
    const provider = new ScriptedProvider();
    const steps: unknown[] = [];
    provider.check = async (config, { step }) => {
      steps.push(config.config);
      await step('authenticate', 'Let in.', () => Promise.resolve());
    };
    await at.start({ provider });
    const { id: applicationId } = await at.application();
    expect(await ask({ applicationId })).toEqual({ lines: [resolves, { step: 'authenticate', ok: true, message: 'Let in.' }] });
    expect(steps).toMatchObject([CONFIG]);
    expect(provider.attempts).toEqual([]);
  });

  it('goes no further than what cannot be resolved: a template, a credential that is missing or disabled, a secret that cannot be opened', async () => {
    const provider = new ScriptedProvider();
    provider.check = () => Promise.reject(new Error('not to be called'));
    await at.start({ provider, definition: TAKES_CREDENTIAL });
    const { id: applicationId } = await at.application();
    const config = { uriMatch: 'wss://a.example/', authMethod: 'header', publicValue: 'X', secretValue: { $sealed: 'd.a.b.c' } };
    await at.credential(applicationId, { config, enabled: false });
    const failed = (message: RegExp) => ({
      lines: [{ step: 'resolve', ok: false, message: expect.stringMatching(message), change: expect.any(String) }],
    });
    expect(await ask({ applicationId, config: { ...CONFIG, port: '{{globals.none}}' } })).toEqual(failed(/^mqttConfig\.port must be/));
    expect(await ask({ applicationId, credentialName: 'none' })).toEqual(failed(/names no credential/));
    expect(await ask({ applicationId, credentialName: 'key' })).toEqual(failed(/is disabled/));
    const sealed = { ...CONFIG, username: 'u', password: { $sealed: 'd000000000000.a.b.c' } };
    expect(await ask({ applicationId, config: sealed })).toEqual(failed(/^mqttConfig\.password cannot be opened/));
  });

  it('tells of the innermost step that failed, and of one that no step told', async () => {
    const provider = new ScriptedProvider();
    await at.start({ provider });
    const { id: applicationId } = await at.application();
    const change = expect.any(String);
    provider.check = async (_config, { step }) => {
      await step('authenticate', 'Let in.', async () => {
        await step('tls', 'Encrypted.', () => Promise.reject(new ConnectorError('misconfigured', 'The certificate is old.')));
      });
    };
    expect(await ask({ applicationId })).toEqual({
      lines: [resolves, { step: 'tls', ok: false, message: 'The certificate is old.', change }],
    });
    provider.check = async (_config, { dial }) => {
      await dial('127.0.0.1', at.port);
      throw new ConnectorError('unauthorized', 'Unauthorized');
    };
    expect(await ask({ applicationId })).toEqual({
      lines: [
        resolves,
        { step: 'address', ok: true, message: expect.any(String) },
        { step: 'dial', ok: true, message: expect.any(String) },
        { step: 'authenticate', ok: false, message: 'Unauthorized', change },
      ],
    });
    provider.check = () => Promise.reject(new ConnectorError('misconfigured', 'url must begin with ws://.'));
    expect(await ask({ applicationId })).toEqual({
      lines: [{ step: 'resolve', ok: false, message: 'url must begin with ws://.', change }],
    });
  });

  it('ends in time, whatever a provider does, and leaves no socket open', async () => {
    const provider = new ScriptedProvider();
    let closed = false;
    provider.check = async (_config, { dial, step }) => {
      const socket = await dial('127.0.0.1', at.port);
      socket.once('close', () => (closed = true));
      await step('authenticate', 'Let in.', () => new Promise(() => undefined));
    };
    await at.start({ provider });
    const { id: applicationId } = await at.application();
    expect(await ask({ applicationId }, 200)).toMatchObject({
      lines: [
        { step: 'resolve' },
        { step: 'address' },
        { step: 'dial' },
        { step: 'authenticate', ok: false, message: 'There was no answer within 1 s.' },
      ],
    });
    await expect.poll(() => closed).toBe(true);
  });

  it('takes a few at once, and answers those under way when it stops', async () => {
    const provider = new ScriptedProvider();
    let running = 0;
    provider.check = (_config, { step }) => {
      running++;
      return step('authenticate', 'Let in.', () => new Promise(() => undefined));
    };
    const { runtime } = await at.start({ provider });
    const [{ id: one }, { id: other }] = [await at.application(), await at.application()];
    const under = [one, one, one, one, other].map((applicationId) => ask({ applicationId }));
    await expect.poll(() => running).toBe(5);
    expect(await ask({ applicationId: one })).toEqual({ busy: true });
    await runtime.stop();
    for (const reply of await Promise.all(under))
      expect(reply).toMatchObject({ lines: [{ ok: true }, { step: 'authenticate', ok: false }] });
  });
});
