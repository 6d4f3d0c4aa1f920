import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ConnectionConfig, type ConnectionContext, ConnectorError } from '#lib/connector-sdk';
import { ControlReply, type IntegrationState, controlSubject } from '#lib/contracts';
import { TAKES_CREDENTIAL, secretOf, aCredential } from '../testing/credential.ts';
import { type Harness, anId, startHarness } from '../testing/harness.ts';
import { type ScriptedLink, ScriptedProvider } from '../testing/scripted-provider.ts';

describe('a rotated secret', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  /** An integration that is connected with the secret `first`. */
  const started = async (provider = new ScriptedProvider(), over: Partial<IntegrationState> = {}) => {
    const { applicationId, rotate } = await aCredential(at);
    const integration = await at.integration(applicationId, { credentialName: 'key', ...over });
    const { runtime } = await at.start({ provider, definition: TAKES_CREDENTIAL, speed: 4 });
    await expect.poll(() => provider.of(integration.id).length).toBe(1);
    const status = async () => (await at.status(integration)) ?? expect.fail('there is no status');
    await expect.poll(async () => (await status()).state).toBe('connected');
    return {
      provider,
      runtime,
      applicationId,
      integration,
      rotate,
      status,
      secrets: () => provider.of(integration.id).map(secretOf),
      bodies: async () =>
        (await at.inbound(integration)).filter(({ type }) => type === 'message').map(({ body }) => Buffer.from(body).toString()),
      types: async () => (await at.inbound(integration)).map(({ type }) => type),
      retry: async () =>
        ControlReply.parse(
          JSON.parse(
            Buffer.from(
              await at.bus.request(controlSubject('mqtt', applicationId, integration.id), Buffer.from('{"action":"retry"}'), 2_000),
            ).toString(),
          ),
        ),
    };
  };

  /** Refuses every secret but these. */
  const accepting = (provider: ScriptedProvider, ...accepted: string[]): void => {
    provider.script.connect = (config) => {
      if (!accepted.includes(String(secretOf({ config })))) throw new ConnectorError('unauthorized', 'Unauthorized');
    };
  };

  it('is used by a connection that is up before the old one closes, and nobody is told of an end', async () => {
    const { provider, integration, rotate, secrets, status, types } = await started();
    const open: unknown[] = [];
    provider.script.drain = () => {
      open.push(...secrets());
      return Promise.resolve();
    };
    await rotate('second');
    await expect.poll(secrets).toEqual(['second']);
    expect(open).toEqual(['first', 'second']);
    expect(provider.attemptsOf(integration.id)).toBe(2);
    expect(await status()).toMatchObject({ state: 'connected', appliedVersion: 1 });
    expect(await types()).toEqual(['connect']);
  });

  it('loses no message and takes none twice while both connections bring some', async () => {
    const { provider, integration, rotate, secrets, bodies } = await started();
    let count = 0;
    const bring = async (link: ScriptedLink | undefined, body = `m${++count}`): Promise<void> => {
      // One that was not stored is given to the other, as a queue does.
      await link?.context
        .receive({ body: Buffer.from(body), attributes: {}, providerId: body })
        .catch(() => bring(provider.of(integration.id).at(-1), body));
    };
    for (const secret of ['second', 'third', 'fourth']) {
      await Promise.all(provider.of(integration.id).map((link) => bring(link)));
      await rotate(secret);
      const all: Promise<void>[] = [];
      await expect
        .poll(() => {
          all.push(...provider.of(integration.id).map((link) => bring(link)));
          return secrets();
        })
        .toEqual([secret]);
      await Promise.all(all);
    }
    const stored = await bodies();
    expect(new Set(stored).size).toBe(stored.length);
    expect(stored.length).toBe(count);
    const numbers = (await at.inbound(integration)).flatMap(({ number }) => number ?? []);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('takes once what each connection is sent, and all that the new one alone was sent', async () => {
    const provider = new ScriptedProvider();
    provider.copies = ({ body }) => Buffer.from(body).toString();
    const { integration, rotate, secrets, bodies } = await started(provider, {
      config: { protocol: 'mqtt', host: 'broker.example', port: 1883, clean: true },
    });
    const context = provider.context(integration.id);
    const say = (to: ConnectionContext, ...words: string[]): void =>
      words.forEach((word) => void to.receive({ body: Buffer.from(word), attributes: {} }));
    say(context, 'a');
    provider.script.connect = () => say(context, 'b');
    // It answers once it has brought what was sent before.
    provider.script.probe = () => {
      provider.script.probe = () => Promise.resolve();
      say(context, 'c');
      return Promise.resolve();
    };
    provider.script.drain = () => {
      const next = provider.of(integration.id)[1]?.context;
      // What the server sent to the new connection is read only now.
      if (next?.held === true) next.onFlow((held) => (held ? undefined : say(next, 'c', 'd', 'd', 'e')));
      say(context, 'd');
      provider.script.drain = () => Promise.resolve();
      return Promise.resolve();
    };
    await rotate('second');
    await expect.poll(secrets).toEqual(['second']);
    await expect.poll(bodies).toEqual(['a', 'b', 'c', 'd', 'd', 'e']);
  });

  it('leaves the old connection where it is refused, says so, and is tried again when told to', async () => {
    const provider = new ScriptedProvider();
    const { integration, rotate, secrets, status, retry, types } = await started(provider);
    accepting(provider, 'first');
    const changed = await rotate('second', { lastUpdated: '2026-11-26T00:00:00.000Z' });
    await expect.poll(async () => (await status()).reason).toMatch(/^The new credential was refused/);
    const { state, reason, appliedVersion, nextAttempt } = await status();
    expect({ state, reason, appliedVersion }).toEqual({
      state: 'connected',
      reason:
        'The new credential was refused: Unauthorized. The connection made with version 1 and the credential key of 2026-11-25T02:00:00.000Z is still used.',
      appliedVersion: 1,
    });
    expect((nextAttempt ?? 0) - Date.now()).toBeGreaterThan(280_000);
    expect(secrets()).toEqual(['first']);
    expect(provider.attemptsOf(integration.id)).toBe(2);
    await provider.context(integration.id).receive({ body: Buffer.from('still'), attributes: {} });
    accepting(provider, 'second');
    expect(await retry()).toEqual({ ok: true });
    await expect.poll(secrets).toEqual(['second']);
    await expect.poll(async () => (await status()).reason).toBeUndefined();
    expect((await status()).nextAttempt).toBeUndefined();
    expect(await types()).toEqual(['connect', 'message']);
    expect(changed.enabled).toBe(true);
  });

  it('is tried again with a new version, and forgotten when the old one comes back', async () => {
    const provider = new ScriptedProvider();
    const { integration, rotate, secrets, status } = await started(provider);
    accepting(provider, 'first', 'third');
    await rotate('second');
    await expect.poll(async () => (await status()).reason).toMatch(/^The new credential was refused/);
    await rotate('first');
    await expect.poll(async () => (await status()).reason).toBeUndefined();
    expect(provider.attemptsOf(integration.id)).toBe(2);
    await rotate('second');
    await expect.poll(async () => (await status()).reason).toMatch(/^The new credential was refused/);
    await rotate('third');
    await expect.poll(secrets).toEqual(['third']);
    await expect.poll(async () => (await status()).reason).toBeUndefined();
  });

  it('is tried with jitter while its host does not answer, and the old connection stands meanwhile', async () => {
    const provider = new ScriptedProvider();
    const { rotate, secrets, status } = await started(provider);
    let failures = 2;
    const said: (string | undefined)[] = [];
    provider.script.connect = async () => {
      said.push((await status()).reason);
      if (failures-- > 0) throw new ConnectorError('lost', 'Connection refused');
    };
    await rotate('second');
    await expect.poll(secrets, { timeout: 10_000 }).toEqual(['second']);
    expect(said.at(-1)).toMatch(/^The new credential could not be tried: Connection refused\. The connection made with version 1 /);
  });

  it('is used at once when the old connection ends before the new one is up', async () => {
    const provider = new ScriptedProvider();
    const { integration, rotate, secrets, status } = await started(provider);
    let attempts = 0;
    // The first attempt never ends.
    provider.script.connect = () => (attempts++ === 0 ? new Promise(() => undefined) : undefined);
    await rotate('second');
    await expect.poll(() => attempts).toBe(1);
    provider.context(integration.id).lost(new ConnectorError('unauthorized', 'The key was revoked.'));
    const [link] = provider.of(integration.id);
    if (link !== undefined) link.open = false;
    await expect.poll(secrets).toEqual(['second']);
    await expect.poll(async () => (await status()).state).toBe('connected');
  });

  it('is not hammered once the old connection has ended too', async () => {
    const provider = new ScriptedProvider();
    const { integration, rotate, status } = await started(provider);
    accepting(provider);
    await rotate('second');
    await expect.poll(async () => (await status()).reason).toMatch(/^The new credential was refused/);
    provider.context(integration.id).lost(new ConnectorError('unauthorized', 'The key was revoked.'));
    await expect.poll(status).toMatchObject({ state: 'unauthorized', reason: 'The key was revoked.' });
    expect(provider.attemptsOf(integration.id)).toBe(2);
  });

  it('gives way to a further change in the middle', async () => {
    const provider = new ScriptedProvider();
    const { integration, rotate, secrets } = await started(provider);
    let attempts = 0;
    provider.script.connect = () => (attempts++ === 0 ? new Promise(() => undefined) : undefined);
    await rotate('second');
    await expect.poll(() => attempts).toBe(1);
    await rotate('third');
    await expect.poll(secrets).toEqual(['third']);
    expect(provider.attemptsOf(integration.id)).toBe(3);
    attempts = 0;
    await rotate('fourth');
    await expect.poll(() => attempts).toBe(1);
    await at.integration(integration.applicationId, { ...integration, topics: ['b'] }, 2);
    await expect
      .poll(() => provider.of(integration.id).map(({ config }) => [secretOf({ config }), config.topics]))
      .toEqual([['fourth', ['b']]]);
  });

  it('leaves nothing behind when the integration is deleted in the middle', async () => {
    const provider = new ScriptedProvider();
    const { integration, rotate, secrets } = await started(provider);
    let drained: (() => void) | undefined;
    provider.script.drain = () => new Promise((resolve) => (drained = resolve));
    await rotate('second');
    await expect.poll(() => drained !== undefined).toBe(true);
    expect(secrets()).toEqual(['first', 'second']);
    await at.deleteIntegration(integration, 2);
    await expect.poll(secrets).toEqual([]);
    await expect.poll(() => at.status(integration)).toBeUndefined();
    drained?.();
  });

  it('leaves no connection here when the partition goes in the middle, and the next holder uses the new secret', async () => {
    const provider = new ScriptedProvider();
    const { runtime, integration, rotate, secrets } = await started(provider);
    let attempt: ConnectionConfig<Record<string, unknown>> | undefined;
    let arrive: (() => void) | undefined;
    provider.script.connect = (config) => {
      attempt = config;
      return new Promise<void>((resolve) => (arrive = resolve));
    };
    await rotate('second');
    await expect.poll(() => attempt).toBeDefined();
    await runtime.stop();
    arrive?.();
    await expect.poll(secrets).toEqual([]);
    const next = await at.start({ definition: TAKES_CREDENTIAL, replicaId: 'r2' });
    await expect.poll(() => next.provider.of(integration.id).map(secretOf)).toEqual(['second']);
  });

  it('is cut off with the old connection when the bus refuses the fence in the middle', async () => {
    const provider = new ScriptedProvider();
    const { integration, rotate, secrets } = await started(provider);
    provider.script.drain = () => new Promise(() => undefined);
    await rotate('second');
    await expect.poll(secrets).toEqual(['first', 'second']);
    const [old, next] = provider.of(integration.id);
    await at.takeFence(integration);
    const refused = next?.context.receive({ body: Buffer.from('late'), attributes: {} });
    await expect(refused).rejects.toThrow('closed');
    await expect.poll(secrets).toEqual([]);
    await expect(old?.context.receive({ body: Buffer.from('late'), attributes: {} })).rejects.toThrow('closed');
  });

  it('of the integration itself, or in a secret global, changes over alike; another address does not', async () => {
    const provider = new ScriptedProvider();
    const { id } = await at.application();
    const sealed = await at.sealing(id);
    const integrationId = anId();
    const globals = (token: string, open: string) => [
      { key: 'token', json: sealed(JSON.stringify(token), id, 'globals.token') },
      { key: 'name', json: JSON.stringify(open) },
    ];
    const application = await at.application({ id, globals: globals('t1', 'a'), secretGlobals: ['token'] }, 2);
    const config = (password: string) => ({
      protocol: 'mqtt',
      host: 'broker.example',
      port: 1883,
      clean: false,
      clientId: '{{globals.name}}-{{globals.token}}',
      username: 'u',
      password: sealed(password, integrationId, 'password'),
    });
    const integration = await at.integration(id, { id: integrationId, config: config('p1') });
    await at.start({ provider, definition: TAKES_CREDENTIAL });
    const made = () => provider.of(integration.id).map(({ config: { config: one } }) => [one['clientId'], one['password']]);
    await expect.poll(made).toEqual([['a-t1', 'p1']]);
    const overlaps: unknown[] = [];
    provider.script.drain = () => {
      overlaps.push(made().length);
      return Promise.resolve();
    };
    await at.integration(id, { ...integration, config: config('p2') }, 2);
    await expect.poll(made).toEqual([['a-t1', 'p2']]);
    await expect.poll(async () => (await at.status(integration))?.appliedVersion).toBe(2);
    await at.application({ ...application, globals: globals('t2', 'a') }, 3);
    await expect.poll(made).toEqual([['a-t2', 'p2']]);
    expect(overlaps).toEqual([2, 2]);
    await at.application({ ...application, globals: globals('t2', 'b') }, 4);
    await expect.poll(made).toEqual([['b-t2', 'p2']]);
    expect(overlaps).toEqual([2, 2, 1]);
  });

  it('is tried as somebody else first where only one connection may be there', async () => {
    const provider = new ScriptedProvider();
    const trials: unknown[] = [];
    let refuse = true;
    const order: string[] = [];
    provider.trial = (config) => {
      trials.push(secretOf({ config }));
      if (refuse) return Promise.reject(new ConnectorError('unauthorized', 'Unauthorized'));
      return Promise.resolve({
        connectData: {},
        probe: () => Promise.resolve(),
        close: () => {
          order.push('trial closed');
          return Promise.resolve();
        },
      });
    };
    const { integration, rotate, secrets, status, types } = await started(provider);
    await rotate('second');
    await expect.poll(async () => (await status()).reason).toMatch(/^The new credential was refused: Unauthorized/);
    expect(secrets()).toEqual(['first']);
    provider.script.drain = () => {
      order.push('old closed');
      return Promise.resolve();
    };
    provider.script.connect = () => {
      order.push(`${secrets().length} open`);
    };
    refuse = false;
    await rotate('third');
    await expect.poll(secrets).toEqual(['third']);
    expect(trials).toEqual(['second', 'third']);
    expect(order).toEqual(['trial closed', 'old closed', '0 open']);
    expect(provider.attemptsOf(integration.id)).toBe(2);
    await expect.poll(types).toEqual(['connect', 'disconnect', 'connect']);
  });
});
