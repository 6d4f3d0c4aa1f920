import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../apps/standalone/src/servers/child.ts';
import { type IntegrationState, type IntegrationType, StatusRecord, newResourceId } from '../../libs/contracts/src/index.ts';
import { type Bus, connectBus, migrateBus } from '../../libs/messaging/src/index.ts';
import { SecretKeys, createMasterKeyFile, loadMasterKey, seal } from '../../libs/secrets/src/index.ts';
import { keyFiles } from '../providers/google-pubsub.ts';
import { EVENT_HUBS_KEY, startEventHubs } from '../servers/event-hubs.ts';
import { startGooglePubSub } from '../servers/google-pubsub.ts';
import { startMosquitto } from '../servers/mosquitto.ts';
import { type TestNats, startTestNats } from '../servers/nats.ts';
import { startParticleServer } from '../servers/particle.ts';
import { SQS_KEY, startSqs } from '../servers/sqs.ts';
import { startWebsocketServer } from '../servers/websocket.ts';
import { Service } from './services.ts';

/** A provider's test server, and integrations with it. */
interface Target {
  /** Of the connector's process. */
  readonly env?: Record<string, string>;
  /** The field of the configuration to seal. */
  readonly secret?: string;
  integration(index: number): { config: Record<string, unknown>; topics?: string[] };
  stop(): Promise<void>;
}

const MAX_INTEGRATIONS = 1_000;
/** What docker/Dockerfile sets beside where things are. */
const AS_THE_IMAGE = { MALLOC_ARENA_MAX: '2' };

const TARGETS: Record<IntegrationType, () => Promise<Target>> = {
  sqs: async () => {
    const server = await startSqs();
    const queueUrl = await server.createQueue('idle');
    return { secret: 'secretAccessKey', integration: () => ({ config: { queueUrl, ...SQS_KEY } }), stop: () => server.stop() };
  },
  azureEventHub: async () => {
    const server = await startEventHubs();
    server.createHub('idle', { partitions: 2, groups: Array.from({ length: MAX_INTEGRATIONS }, (_, index) => `g${index}`) });
    const connectionString = server.connectionString({ key: EVENT_HUBS_KEY.key });
    return {
      secret: 'connectionString',
      integration: (index) => ({ config: { hubName: 'idle', consumerGroup: `g${index}`, connectionString } }),
      stop: () => server.stop(),
    };
  },
  googlePubSub: async () => {
    const server = await startGooglePubSub();
    server.createTopic('projects/p/topics/idle');
    const keyJson = keyFiles().keyJson('first');
    return {
      env: { PUBSUB_EMULATOR_HOST: `127.0.0.1:${server.port}` },
      secret: 'keyJson',
      integration: () => ({ config: { keyJson }, topics: ['idle'] }),
      stop: () => server.stop(),
    };
  },
  mqtt: async () => {
    const broker = await startMosquitto();
    return {
      integration: (index) => ({
        config: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, clean: true },
        topics: [`idle/${index}`],
      }),
      stop: () => broker.stop(),
    };
  },
  particle: async () => {
    const server = await startParticleServer();
    return {
      env: { SLUICE_PARTICLE_URL: server.url },
      secret: 'accessToken',
      integration: () => ({ config: { accessToken: 'good-token' }, topics: ['idle'] }),
      stop: () => server.stop(),
    };
  },
  websocket: async () => {
    const server = await startWebsocketServer();
    return { integration: () => ({ config: { url: server.url } }), stop: () => server.stop() };
  },
};

const anId = (): string => newResourceId(Date.now(), (bytes) => randomBytes(bytes.length));
const AT = '2026-11-25T02:00:00.000Z';

/** The connector of one provider as production starts it, alone beside a nats-server, and integrations for it. */
export class ConnectorProcess {
  #created = 0;
  #process: Service | undefined;

  private constructor(
    private readonly type: IntegrationType,
    private readonly dir: string,
    private readonly nats: TestNats,
    private readonly bus: Bus,
    private readonly target: Target,
    private readonly applicationId: string,
    private readonly sealed: (clear: string, resourceId: string, field: string) => unknown,
  ) {}

  static async prepare(type: IntegrationType): Promise<ConnectorProcess> {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-connector-'));
    const [nats, target] = await Promise.all([startTestNats(), TARGETS[type]()]);
    await migrateBus({ servers: nats.url, name: 'test' }, { streamBytes: 64 * 1024 * 1024, replicas: 1 });
    const bus = await connectBus({ servers: nats.url, name: 'test' });
    const masterKey = join(dir, 'master-key');
    await createMasterKeyFile(masterKey);
    const applicationId = anId();
    const { wrapped, key } = new SecretKeys(await loadMasterKey(masterKey)).newDataKey(applicationId);
    await bus.kv('KEYS').put(applicationId, Buffer.from(wrapped));
    return new ConnectorProcess(type, dir, nats, bus, target, applicationId, (clear, resourceId, field) =>
      seal(key, clear, { applicationId, resourceId, field }),
    );
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  /** Up to so many integrations in all. */
  async create(count: number): Promise<void> {
    const { applicationId, type, target } = this;
    for (; this.#created < count; this.#created++) {
      const id = anId();
      const { config, topics = [] } = target.integration(this.#created);
      const { secret } = target;
      const state: IntegrationState = {
        id,
        applicationId,
        name: `Idle ${this.#created}`,
        enabled: true,
        integrationType: type,
        topics,
        config: secret === undefined ? config : { ...config, [secret]: this.sealed(String(config[secret]), id, secret) },
        assignedClientId: id,
        creationDate: AT,
        lastUpdated: AT,
      };
      const change = { kind: 'integration', type, applicationId, id, event: 'IntegrationCreated', epoch: 1, version: 1 } as const;
      const actor = { type: 'system', id: 'test' };
      await this.bus.publishConfig({ ...change, eventPosition: this.#created + 1, actor, time: AT, state }, { expected: 0 });
    }
  }

  /** Resolves when every integration is connected. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const port = await freePort();
    const settings = {
      SLUICE_PROVIDER: this.type,
      SLUICE_NATS_URL: this.nats.url,
      SLUICE_MASTER_KEY_FILE: join(this.dir, 'master-key'),
      SLUICE_EGRESS_ALLOW: 'loopback',
      SLUICE_HTTP_PORT: String(port),
    };
    const service = new Service(
      `connector-${this.type}`,
      'apps/connector/src/main.js',
      { ...settings, ...AS_THE_IMAGE, ...this.target.env, ...env },
      port,
    );
    this.#process = service;
    await service.start();
    for (const deadline = performance.now() + 120_000; ;) {
      const entries = await this.bus.kv('STATUS').entries('');
      const states = entries.map(({ value }) => StatusRecord.parse(JSON.parse(Buffer.from(value).toString())));
      const connected = states.filter(({ state, holder }) => state === 'connected' && holder !== undefined).length;
      if (connected === this.#created) return;
      if (performance.now() > deadline)
        throw new Error(`${connected} of ${this.#created} connected: ${states[0]?.reason}\n${service.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends the process; resolves with its exit code. */
  async end(): Promise<number | null> {
    return (await this.#process?.end('SIGTERM')) ?? null;
  }

  async stop(): Promise<void> {
    await this.end();
    await this.bus.close();
    await Promise.all([this.nats.stop(), this.target.stop()]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
