import { writeFileSync } from 'node:fs';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CheckLine, CheckReply, type CheckRequest, type IntegrationState, type IntegrationType, checkSubject } from '#lib/contracts';
import { keyFiles } from '../../../../test/providers/google-pubsub.ts';
import { EVENT_HUBS_KEY, startEventHubs } from '../../../../test/servers/event-hubs.ts';
import { startGooglePubSub } from '../../../../test/servers/google-pubsub.ts';
import { passwordLine, startMosquitto } from '../../../../test/servers/mosquitto.ts';
import { startParticleServer } from '../../../../test/servers/particle.ts';
import { startScriptedBroker } from '../../../../test/servers/scripted-broker.ts';
import { SQS_KEY, startSqs } from '../../../../test/servers/sqs.ts';
import { startWebsocketServer } from '../../../../test/servers/websocket.ts';
import { type Harness, anId, startHarness } from '../testing/harness.ts';

type Fields = Record<string, unknown>;
type Draft = Fields & { topics?: string[] };

const SECRET = 'canary-of-the-test';
const METADATA = '169.254.169.254';

/** How a check ends that fails: at this step, so. */
type Failure = readonly [draft: Draft, step: CheckLine['step'], message: RegExp, before?: () => void];

/** A provider's server, and configurations to check against it. `topics` stands beside the fields here. */
interface Side {
  /** Fields that are sealed. */
  readonly sealed: readonly string[];
  readonly good: Draft;
  /** The steps that succeed. */
  readonly steps: string;
  /** By what is wrong. `black hole` takes connections at a port and answers nothing. */
  readonly wrong: Readonly<Record<string, Failure>>;
  /** Nothing is left at the server, nothing was taken of it. */
  untouched(): Promise<void>;
  /** Takes back what a failure's `before` did. */
  heal?(): void;
  stop(): Promise<unknown>;
}

const sides: Readonly<Record<IntegrationType, (blackHole: number) => Promise<Side>>> = {
  sqs: async (blackHole) => {
    const server = await startSqs();
    const queueUrl = await server.createQueue('orders');
    await server.put('orders', ['kept']);
    const good = { ...SQS_KEY, queueUrl };
    return {
      sealed: ['secretAccessKey'],
      good,
      steps: 'resolve address dial authenticate authorise authorise authorise',
      wrong: {
        'the key': [{ ...good, secretAccessKey: SECRET }, 'authenticate', /AWS refuses the signature/],
        'the queue': [{ ...good, queueUrl: server.url('missing') }, 'authorise', /There is no such queue/],
        'a permission': [
          good,
          'authorise',
          /not allowed sqs:ChangeMessageVisibility/,
          () => server.fail('ChangeMessageVisibilityBatch', { status: 403, code: 'AccessDenied' }),
        ],
        'the address': [{ ...good, queueUrl: `http://${METADATA}/1/q` }, 'address', /link-local|metadata/],
        'the port': [{ ...good, queueUrl: 'http://127.0.0.1:1/1/q' }, 'dial', /Connection refused/],
        TLS: [{ ...good, queueUrl: server.url('orders', `https://127.0.0.1:${server.port}`) }, 'tls', /No TLS/],
        'a server that is silent': [{ ...good, queueUrl: `http://127.0.0.1:${blackHole}/1/q` }, 'authenticate', /no answer within/],
      },
      heal: () => server.heal(),
      untouched: async () => {
        const { ready, inflight } = await server.inspect('orders');
        expect([ready.map(({ body }) => body), inflight]).toEqual([['kept'], []]);
        expect(server.calls.map(({ action }) => action)).not.toContain('ReceiveMessage');
      },
      stop: () => server.stop(),
    };
  },
  azureEventHub: async (blackHole) => {
    const server = await startEventHubs();
    server.createHub('orders', { partitions: 2 });
    server.append('orders', ['kept']);
    const good = { hubName: 'orders', consumerGroup: '$Default', connectionString: server.connectionString() };
    const emulator = (host: string): string =>
      `Endpoint=sb://${host};SharedAccessKeyName=sluice;SharedAccessKey=a2V5;UseDevelopmentEmulator=true`;
    return {
      sealed: ['connectionString'],
      good,
      steps: 'resolve address dial authenticate authorise authorise authorise',
      wrong: {
        'the key': [
          { ...good, connectionString: server.connectionString({ key: SECRET }) },
          'authenticate',
          /refuses the key of the policy/,
        ],
        'the hub': [{ ...good, hubName: 'missing' }, 'authorise', /There is no hub missing/],
        'the consumer group': [{ ...good, consumerGroup: 'missing' }, 'authorise', /There is no consumer group missing/],
        'the rights': [good, 'authorise', /needs the right Listen/, () => server.setKeys([{ ...EVENT_HUBS_KEY, claims: ['Send'] }])],
        'the right to send': [
          good,
          'authorise',
          /may not send to .* right Send/,
          () => server.setKeys([{ ...EVENT_HUBS_KEY, claims: ['Listen'] }]),
        ],
        'the address': [{ ...good, connectionString: emulator(METADATA) }, 'address', /link-local|metadata/],
        'the port': [{ ...good, connectionString: emulator('127.0.0.1:1') }, 'dial', /Connection refused/],
        TLS: [{ ...good, connectionString: server.connectionString().replace(/;UseDevelopmentEmulator=true/, '') }, 'tls', /TLS/],
        'a server that is silent': [{ ...good, connectionString: emulator(`127.0.0.1:${blackHole}`) }, 'authenticate', /no answer within/],
      },
      heal: () => server.setKeys([EVENT_HUBS_KEY]),
      untouched: async () => {
        await expect.poll(() => [server.readers('orders').length, server.senders]).toEqual([0, 0]);
        expect(server.events('orders')).toHaveLength(1);
      },
      stop: () => server.stop(),
    };
  },
  googlePubSub: async () => {
    const server = await startGooglePubSub();
    vi.stubEnv('PUBSUB_EMULATOR_HOST', `127.0.0.1:${server.port}`);
    server.createTopic('projects/p/topics/orders');
    server.createTopic('projects/p/topics/closed');
    server.deny('projects/p/topics/closed', 'pubsub.topics.attachSubscription');
    const good = { keyJson: keyFiles().keyJson('first'), topics: ['orders'] };
    return {
      sealed: ['keyJson'],
      good,
      steps: 'resolve address dial authenticate authorise',
      wrong: {
        'the topic': [{ ...good, topics: ['missing', 'orders'] }, 'authorise', /There is no topic missing/],
        'a permission': [{ ...good, topics: ['closed'] }, 'authorise', /lacks pubsub\.topics\.attachSubscription/],
      },
      untouched: async () => expect([...server.subscriptions.keys()]).toEqual([]),
      stop: () => server.stop(),
    };
  },
  mqtt: async (blackHole) => {
    const server = await startMosquitto((dir) => {
      writeFileSync(join(dir, 'passwords'), passwordLine('us', 'opensesame') + passwordLine('them', 'they'));
      writeFileSync(join(dir, 'acl'), 'user us\ntopic orders/#\nuser them\ntopic #\ntopic $SYS/#\n');
      return `allow_anonymous false\npassword_file ${dir}/passwords\nacl_file ${dir}/acl\nsys_interval 1\n`;
    });
    const them = await connectAsync(`mqtt://127.0.0.1:${server.port}`, { username: 'them', password: 'they', clientId: 'assigned' });
    const counts = new Map<string, string>();
    const ends: unknown[] = [];
    let own = 0;
    const scripted = await startScriptedBroker(4, {
      subscribe: ({ messageId, subscriptions: [one] }, { reply }) =>
        reply({ cmd: 'suback', messageId, granted: [one?.topic === 'theirs' ? 0x80 : 1] }),
    });
    them.on('message', (topic, message) => counts.set(topic, message.toString()));
    them.on('close', () => ends.push('closed'));
    await them.subscribeAsync(['$SYS/broker/clients/total', '$SYS/broker/subscriptions/count', 'orders/#']);
    const good = {
      protocol: 'mqtt',
      host: '127.0.0.1',
      port: server.port,
      username: 'us',
      password: 'opensesame',
      clean: false,
      topics: ['orders/#', '$share/g/orders/#'],
    };
    return {
      sealed: ['password'],
      good,
      steps: 'resolve address dial authenticate authorise authorise',
      wrong: {
        'the password': [{ ...good, password: SECRET }, 'authenticate', /refuses .*user name/],
        'one of the filters': [
          { ...good, port: scripted.port, topics: ['ours', 'theirs', 'ours/too'] },
          'authorise',
          /refuses to subscribe to theirs/,
        ],
        'the address': [{ ...good, host: METADATA }, 'address', /link-local|metadata/],
        'the port': [{ ...good, port: 1 }, 'dial', /Connection refused/],
        TLS: [{ ...good, protocol: 'mqtts' }, 'tls', /TLS/],
        'a server that is silent': [{ ...good, port: blackHole }, 'authenticate', /no answer within/],
      },
      untouched: async () => {
        // What the broker counts is told once a second, when it changed: the client that watches, and its subscriptions.
        await them.subscribeAsync(`another/${++own}`);
        await expect.poll(() => counts.get('$SYS/broker/subscriptions/count')).toBe(`${3 + own}`);
        await expect.poll(() => counts.get('$SYS/broker/clients/total')).toBe('1');
        // It has the client id that the integration would have.
        expect(ends).toEqual([]);
        for (const packet of scripted.packets) expect(packet).not.toMatchObject({ cmd: 'connect', clean: false });
        expect(scripted.packets.filter(({ cmd }) => cmd === 'connect' || cmd === 'disconnect').length % 2).toBe(0);
      },
      stop: async () => {
        await them.endAsync(true);
        await scripted.stop();
        await server.stop();
      },
    };
  },
  websocket: async (blackHole) => {
    const server = await startWebsocketServer({ basic: { username: 'u', password: 'good' }, greeting: 'hello' });
    const good = { url: `${server.url}/feed`, username: 'u', password: 'good' };
    return {
      sealed: ['password'],
      good,
      steps: 'resolve address dial authenticate',
      wrong: {
        'the password': [{ ...good, password: SECRET }, 'authenticate', /401/],
        'the address': [{ ...good, url: `ws://${METADATA}/` }, 'address', /link-local|metadata/],
        'the port': [{ ...good, url: 'ws://127.0.0.1:1/' }, 'dial', /Connection refused/],
        TLS: [{ ...good, url: good.url.replace('ws:', 'wss:') }, 'tls', /TLS/],
        'a server that is silent': [{ ...good, url: `ws://127.0.0.1:${blackHole}/` }, 'authenticate', /no answer within/],
      },
      untouched: async () => {
        await expect.poll(() => server.clients.size).toBe(0);
        expect(server.received).toEqual([]);
      },
      stop: () => server.stop(),
    };
  },
  particle: async () => {
    const server = await startParticleServer();
    vi.stubEnv('SLUICE_PARTICLE_URL', server.url);
    const good = { accessToken: 'good-token', topics: ['orders*'] };
    return {
      sealed: ['accessToken'],
      good,
      steps: 'resolve address dial authenticate authorise',
      wrong: {
        'the token': [{ ...good, accessToken: SECRET }, 'authenticate', /does not accept accessToken/],
        'the device': [{ ...good, deviceNameOrId: 'missing' }, 'authorise', /There is no such device/],
      },
      untouched: async () => await expect.poll(() => server.streams).toEqual([]),
      stop: () => server.stop(),
    };
  },
};

/** A server that takes connections and answers nothing. */
async function startHole(): Promise<{ port: number; stop(): void }> {
  const hole: Server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve));
  return { port: (hole.address() as AddressInfo).port, stop: () => hole.close() };
}

async function candidate(at: Harness, type: IntegrationType, sealedFields: readonly string[], draft: Draft): Promise<IntegrationState> {
  const { topics = [], ...fields } = draft;
  const { id: applicationId } = await at.application();
  const sealed = await at.sealing(applicationId);
  const id = anId();
  const config: Fields = { ...fields };
  for (const field of sealedFields) config[field] = sealed(String(fields[field]), id, field);
  const time = new Date().toISOString();
  const common = { id, applicationId, name: 'candidate', enabled: true, creationDate: time, lastUpdated: time };
  return { ...common, integrationType: type, topics, config, assignedClientId: 'assigned' };
}

/** What a connector says of a configuration. */
async function ask(at: Harness, state: IntegrationState, withinMs = 10_000): Promise<{ lines: readonly CheckLine[]; answer: string }> {
  const request: CheckRequest = { state, withinMs };
  const subject = checkSubject(state.integrationType);
  const answer = Buffer.from(await at.bus.request(subject, Buffer.from(JSON.stringify(request)), 15_000)).toString();
  const reply = CheckReply.parse(JSON.parse(answer));
  if ('busy' in reply) throw new Error('too many checks run');
  return { lines: reply.lines, answer };
}

/** … of a draft, none of whose secrets is in the answer. */
async function check(at: Harness, type: IntegrationType, sealedFields: readonly string[], draft: Draft, withinMs?: number) {
  const { lines, answer } = await ask(at, await candidate(at, type, sealedFields, draft), withinMs);
  for (const field of sealedFields) expect(answer).not.toContain(JSON.stringify(draft[field]).slice(1, -1));
  return lines;
}

describe.each(Object.keys(sides) as IntegrationType[])('a check of %s', (type) => {
  let at: Harness;
  let side: Side;
  let hole: Awaited<ReturnType<typeof startHole>>;
  beforeAll(async () => {
    hole = await startHole();
    side = await sides[type](hole.port);
    at = await startHarness({ type });
    await at.startReal();
  });
  afterEach(async () => await side.untouched());
  afterAll(async () => {
    await at.stop();
    await side.stop();
    hole.stop();
    vi.unstubAllEnvs();
  });

  it('goes through every step, and leaves nothing behind', async () => {
    const lines = await check(at, type, side.sealed, side.good);
    expect(lines.filter(({ ok }) => !ok)).toEqual([]);
    expect(lines.map(({ step }) => step).join(' ')).toBe(side.steps);
  });

  it('says at which step it fails and what to change, whatever is wrong', async () => {
    for (const [what, [draft, step, message, before]] of Object.entries(side.wrong)) {
      before?.();
      const lines = await check(at, type, side.sealed, draft, what === 'a server that is silent' ? 1_000 : undefined);
      const failed = lines.filter(({ ok }) => !ok);
      expect([what, ...failed]).toEqual([what, { step, ok: false, message: expect.stringMatching(message), change: expect.any(String) }]);
      side.heal?.();
    }
  });
});

describe.each(Object.keys(sides) as IntegrationType[])('a check of an integration of %s that is connected', (type) => {
  it('leaves its connection alone', async () => {
    const hole = await startHole();
    const side = await sides[type](hole.port);
    const at = await startHarness({ type });
    const state = { ...(await candidate(at, type, side.sealed, side.good)), assignedClientId: 'its-own' };
    const integration = await at.integration(state.applicationId, state);
    await at.startReal();
    await expect.poll(async () => (await at.status(integration))?.state).toBe('connected');
    const { lines } = await ask(at, state);
    expect(lines.filter(({ ok }) => !ok)).toEqual([]);
    await at.stopRuntimes();
    // The end of the runtime is all that it was told of.
    const told = (await at.inbound(integration)).filter(({ type: kind }) => kind !== 'message');
    expect(told.map(({ type: kind }) => kind)).toEqual(['connect', 'disconnect']);
    expect(JSON.stringify(told[1]?.attributes)).toContain('The connector stopped');
    await at.stop();
    await side.stop();
    hole.stop();
    vi.unstubAllEnvs();
  });
});

describe('a check of Particle', () => {
  it('says so when the cloud can not be reached', async () => {
    const hole = await startHole();
    const at = await startHarness({ type: 'particle' });
    const clouds: [url: string, step: CheckLine['step'], message: RegExp][] = [
      [`http://${METADATA}`, 'address', /link-local|metadata/],
      ['http://127.0.0.1:1', 'dial', /Connection refused/],
      [`http://127.0.0.1:${hole.port}`, 'authenticate', /no answer within/],
      [`https://127.0.0.1:${hole.port}`, 'tls', /no answer within/],
    ];
    for (const [url, step, message] of clouds) {
      vi.stubEnv('SLUICE_PARTICLE_URL', url);
      await at.startReal();
      const lines = await check(at, 'particle', ['accessToken'], { accessToken: SECRET }, 1_000);
      expect(lines.filter(({ ok }) => !ok)).toEqual([
        { step, ok: false, message: expect.stringMatching(message), change: expect.any(String) },
      ]);
      await at.stopRuntimes();
    }
    vi.unstubAllEnvs();
    await at.stop();
    hole.stop();
  });
});
