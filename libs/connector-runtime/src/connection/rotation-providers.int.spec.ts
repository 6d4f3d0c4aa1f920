import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status as grpc } from '@grpc/grpc-js';
import { connectAsync } from 'mqtt';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type CredentialType, type IntegrationType, configFieldOf } from '#lib/contracts';
import { EVENT_HUBS_KEY, startEventHubs } from '../../../../test/servers/event-hubs.ts';
import { startGooglePubSub } from '../../../../test/servers/google-pubsub.ts';
import { passwordLine, startMosquitto } from '../../../../test/servers/mosquitto.ts';
import { startParticleServer } from '../../../../test/servers/particle.ts';
import { SQS_KEY, SQS_SECOND_KEY, startSqs } from '../../../../test/servers/sqs.ts';
import { startWebsocketServer } from '../../../../test/servers/websocket.ts';
import { type Harness, anId, startHarness } from '../testing/harness.ts';

type Fields = Record<string, unknown>;

/** A provider's server, and what of a configuration is secret. */
interface Side {
  readonly topics: readonly string[];
  readonly config: Fields;
  /** Where the secret stands: in a credential of this type, or in the integration itself. */
  readonly credential?: CredentialType;
  /** The name of the field that is sealed. */
  readonly sealed: string;
  /** Two that the server takes, and one that it doesn't. */
  readonly secrets: readonly [Fields, Fields, Fields];
  send(body: string): void | Promise<void>;
  /** It admits one connection: the old one has to end before the new one is made. */
  readonly once?: true;
  /** Called before the last rotation, where the server has to be told. */
  refuse?(): void;
  /** What was under way to a link that closed comes again, as when its time is over. */
  redeliver?(): void;
  stop(): Promise<unknown>;
}

const sides: Readonly<Record<IntegrationType, () => Promise<Side>>> = {
  sqs: async () => {
    const server = await startSqs();
    const queueUrl = await server.createQueue('orders');
    return {
      topics: [],
      config: { queueUrl },
      credential: 'aws',
      sealed: 'secretAccessKey',
      secrets: [SQS_KEY, SQS_SECOND_KEY, { ...SQS_KEY, secretAccessKey: 'wrong' }],
      send: (body) => server.put('orders', [body]),
      stop: () => server.stop(),
    };
  },
  azureEventHub: async () => {
    const server = await startEventHubs();
    server.createHub('orders', { partitions: 2 });
    const second = { ...EVENT_HUBS_KEY, name: 'second', key: 'another+Key=' };
    server.setKeys([EVENT_HUBS_KEY, second]);
    return {
      topics: [],
      config: { hubName: 'orders', consumerGroup: '$Default' },
      sealed: 'connectionString',
      secrets: [
        { connectionString: server.connectionString() },
        { connectionString: server.connectionString({ keyName: second.name, key: second.key }) },
        { connectionString: server.connectionString({ key: 'wrong' }) },
      ],
      send: (body) => void server.append('orders', [body]),
      once: true,
      stop: () => server.stop(),
    };
  },
  googlePubSub: async () => {
    const server = await startGooglePubSub();
    vi.stubEnv('PUBSUB_EMULATOR_HOST', `127.0.0.1:${server.port}`);
    server.createTopic('projects/p/topics/orders');
    const key = (): Fields => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      return { keyJson: JSON.stringify({ type: 'service_account', project_id: 'p', client_email: 'a@p.example', private_key: pem }) };
    };
    return {
      topics: ['orders'],
      config: {},
      credential: 'gcp',
      sealed: 'keyJson',
      secrets: [key(), key(), key()],
      send: (body) => void server.publish('projects/p/topics/orders', { data: Buffer.from(body) }),
      refuse: () => server.behave('GetSubscription', { kind: 'refuse', code: grpc.UNAUTHENTICATED }),
      redeliver: () => server.redeliver(),
      stop: () => server.stop(),
    };
  },
  mqtt: async () => {
    const server = await startMosquitto((dir) => {
      writeFileSync(join(dir, 'passwords'), passwordLine('first', 'one') + passwordLine('second', 'two') + passwordLine('them', 'they'));
      return `allow_anonymous false\npassword_file ${dir}/passwords\n`;
    });
    const them = await connectAsync(`mqtt://127.0.0.1:${server.port}`, { username: 'them', password: 'they' });
    return {
      topics: ['orders/#'],
      config: { protocol: 'mqtt', host: '127.0.0.1', port: server.port, clean: false },
      sealed: 'password',
      secrets: [
        { username: 'first', password: 'one' },
        { username: 'second', password: 'two' },
        { username: 'second', password: 'wrong' },
      ],
      once: true,
      send: async (body) => void (await them.publishAsync('orders/1', body, { qos: 1 })),
      stop: async () => {
        await them.endAsync(true);
        await server.stop();
      },
    };
  },
  websocket: async () => {
    const server = await startWebsocketServer({ accepts: ({ 'x-key': key }) => key === 'one' || key === 'two' });
    const key = (secretValue: string): Fields => ({ uriMatch: server.url, authMethod: 'header', publicValue: 'X-Key', secretValue });
    return {
      topics: [],
      config: { url: `${server.url}/feed` },
      credential: 'http',
      sealed: 'secretValue',
      secrets: [key('one'), key('two'), key('wrong')],
      send: (body) => server.broadcast(body),
      stop: () => server.stop(),
    };
  },
  particle: async () => {
    const server = await startParticleServer({ keepAliveMs: 200 });
    server.tokens.add('second-token');
    vi.stubEnv('SLUICE_PARTICLE_URL', server.url);
    return {
      topics: ['orders/*'],
      config: {},
      sealed: 'accessToken',
      secrets: [{ accessToken: 'good-token' }, { accessToken: 'second-token' }, { accessToken: 'wrong' }],
      send: (data) => server.publish({ name: 'orders/1', data, published_at: new Date().toISOString() }),
      stop: () => server.stop(),
    };
  },
};

describe.each(Object.keys(sides) as IntegrationType[])('a secret of %s that is rotated while messages come', (type) => {
  const stops: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
    vi.unstubAllEnvs();
  });

  /** An integration that is connected, and a server that sends without a pause. */
  const flowing = async () => {
    const side = await sides[type]();
    stops.push(() => side.stop());
    const at: Harness = await startHarness({ type });
    stops.push(() => at.stop());
    const { id: applicationId } = await at.application();
    const sealed = await at.sealing(applicationId);
    const [integrationId, credentialId] = [anId(), anId()];
    const holder = side.credential === undefined ? integrationId : credentialId;
    const secret = (fields: Fields): Fields => ({ ...fields, [side.sealed]: sealed(String(fields[side.sealed]), holder, side.sealed) });
    let version = 0;
    const rotate = async (fields: Fields): Promise<void> => {
      version++;
      const own = side.credential === undefined ? secret(fields) : {};
      if (side.credential !== undefined)
        await at.credential(applicationId, { id: credentialId, type: side.credential, config: secret(fields) }, version);
      if (side.credential !== undefined && version > 1) return;
      const named = side.credential === undefined ? {} : { credentialName: 'key' };
      await at.integration(
        applicationId,
        { id: integrationId, topics: [...side.topics], config: { ...side.config, ...own }, ...named },
        version,
      );
    };
    await rotate(side.secrets[0]);
    const integration = { id: integrationId, applicationId } as Parameters<Harness['status']>[0];
    await at.startReal();
    await expect.poll(async () => (await at.status(integration))?.state, { message: configFieldOf(type) }).toBe('connected');
    let sent = 0;
    let going = true;
    const pump = (async () => {
      while (going) {
        await side.send(`m${++sent}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    const bodies = async (): Promise<string[]> =>
      (await at.inbound(integration)).flatMap(({ type: kind, body }) => (kind === 'message' ? Buffer.from(body).toString() : []));
    const arrives = async (body: string): Promise<void> => await expect.poll(bodies).toContain(body);
    return {
      side,
      rotate,
      bodies,
      status: async () => (await at.status(integration)) ?? expect.fail('there is no status'),
      types: async () => [...new Set((await at.inbound(integration)).map(({ type: kind }) => kind))].sort(),
      /** Some more have come. */
      more: async () => await arrives(`m${sent + 20}`),
      /** No more is sent; all of it came. Resolves with what was sent. */
      end: async (): Promise<string[]> => {
        going = false;
        await pump;
        const all = Array.from({ length: sent }, (_, index) => `m${index + 1}`);
        const missing = async (): Promise<string[]> => {
          const arrived = new Set(await bodies());
          const missed = all.filter((body) => !arrived.has(body));
          // What a link got that was closing already comes again and again, until one takes it.
          if (missed.length > 0) side.redeliver?.();
          return missed;
        };
        await expect.poll(missing, { interval: 500, timeout: 60_000, message: `what is missing of ${type}` }).toEqual([]);
        return all;
      },
    };
  };

  it('loses none and takes none twice', { timeout: 120_000 }, async () => {
    const { side, rotate, status, more, end, bodies, types } = await flowing();
    await more();
    const since = (await status()).evidence?.at ?? 0;
    await rotate(side.secrets[1]);
    await expect.poll(async () => (await status()).evidence?.at, { message: 'a new connection' }).toBeGreaterThan(since);
    await more();
    const sent = await end();
    expect((await bodies()).toSorted()).toEqual(sent.toSorted());
    expect(await types()).toEqual(side.once === true ? ['connect', 'disconnect', 'message'] : ['connect', 'message']);
  });

  it('keeps the old connection where the new secret is refused, and says so', { timeout: 120_000 }, async () => {
    const { side, rotate, status, more, end, bodies, types } = await flowing();
    await more();
    side.refuse?.();
    await rotate(side.secrets[2]);
    await expect
      .poll(async () => (await status()).reason)
      .toMatch(/^The new credential was refused: .* The connection made with version 1 /);
    expect((await status()).state).toBe('connected');
    await more();
    const sent = await end();
    expect((await bodies()).toSorted()).toEqual(sent.toSorted());
    expect(await types()).toEqual(['connect', 'message']);
  });
});
