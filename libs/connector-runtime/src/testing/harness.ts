import { randomBytes } from 'node:crypto';
import type { Definition, Provider } from '#lib/connector-sdk';
import { definitionOf } from '#lib/connectors';
import {
  type ApplicationState,
  type CredentialState,
  type IntegrationState,
  type IntegrationType,
  NUMBER_SUBJECT,
  StatusRecord,
  configSubject,
  fenceSubject,
  inboundSubject,
  partitionOf,
  newResourceId,
} from '#lib/contracts';
import { parseAllow } from '#lib/egress';
import { type Bus, type StoredInbound, connectBus, migrateBus } from '#lib/messaging';
import { createLogger, createMetrics } from '#lib/platform';
import { SecretKeys, seal } from '#lib/secrets';
import { startTestNats } from '../../../../test/servers/nats.ts';
import { systemClock } from '../time/clock.ts';
import { type ConnectorRuntime, startRuntime } from '../index.ts';
import { ScriptedProvider } from './scripted-provider.ts';

export const anId = (): string => newResourceId(Date.now(), (bytes) => randomBytes(bytes.length));
const AT = '2026-11-25T02:00:00.000Z';

interface StartOptions {
  readonly definition?: Partial<Definition>;
  readonly replicaId?: string;
  readonly speed?: number;
  readonly standalone?: boolean;
  /** What the runtime has instead of its own bus. */
  readonly bus?: (own: Bus) => Bus;
}

/** A bus with config's and dispatch's side of it played by the test, and runtimes on it. */
export async function startHarness({
  streamBytes = 256 * 1024 * 1024,
  type = 'mqtt',
}: { streamBytes?: number; type?: IntegrationType } = {}) {
  const nats = await startTestNats();
  await migrateBus({ servers: nats.url, name: 'test-migrate' }, { streamBytes, replicas: 1 });
  const bus = await connectBus({ servers: nats.url, name: 'test' });
  await bus.verify();
  const secrets = new SecretKeys(randomBytes(32));
  const sequences = new Map<string, number>();
  let eventPosition = 0;
  /** What dispatch says it has committed. */
  const committed = new Map<string, number>();
  bus.serve(NUMBER_SUBJECT, (_, body) => {
    const { integrationId } = JSON.parse(Buffer.from(body).toString()) as { integrationId: string };
    return Promise.resolve(Buffer.from(JSON.stringify({ number: committed.get(integrationId) ?? 0 })));
  });
  const running: { runtime: ConnectorRuntime; bus: Bus }[] = [];

  const stopRuntimes = async (): Promise<void> => {
    for (const { runtime, bus: own } of running.splice(0)) {
      await runtime.stop();
      await own.close();
    }
  };
  const publish = async (
    kind: 'application' | 'integration' | 'credential',
    state: ApplicationState | IntegrationState | CredentialState | null,
    ids: { applicationId: string; id: string },
    version: number,
  ): Promise<void> => {
    const subject = configSubject(kind, kind === 'integration' ? type : '-', ids.applicationId, ids.id);
    const at = await bus.publishConfig(
      {
        kind,
        type: kind === 'integration' ? type : '-',
        ...ids,
        event: state === null ? 'Deleted' : 'Updated',
        epoch: 1,
        version,
        eventPosition: ++eventPosition,
        actor: { type: 'system', id: 'test' },
        time: AT,
        state,
      },
      { expected: sequences.get(subject) ?? 0, ...(state === null ? { ttlSeconds: 86_400 } : {}) },
    );
    sequences.set(subject, at.position);
  };

  const start = async (provider: Provider, options: StartOptions = {}) => {
    const own = await connectBus({ servers: nats.url, name: `test-connector-${running.length}` });
    const runtime = await startRuntime({
      bus: options.bus?.(own) ?? own,
      definition: { ...definitionOf(type), ...options.definition },
      provider,
      replicaId: options.replicaId ?? 'r1',
      standalone: options.standalone ?? true,
      clock: { ...systemClock, monotonic: () => performance.now() * (options.speed ?? 1) },
      secrets,
      egress: parseAllow('loopback'),
      metrics: createMetrics('connector'),
      log: createLogger({ service: 'test', level: process.env['SLUICE_LOG_LEVEL'] ?? 'silent' }),
    });
    running.push({ runtime, bus: own });
    return { runtime, bus: own };
  };

  return {
    nats,
    /** Something that takes connections. */
    port: Number(new URL(nats.url).port),
    bus,
    secrets,
    committed,
    application: async (over: Partial<ApplicationState> = {}, version = 1): Promise<ApplicationState> => {
      const state: ApplicationState = {
        id: anId(),
        name: 'plant',
        globals: [],
        secretGlobals: [],
        limits: { messagesPerSecond: 0, burst: 0, payloads: 0, period: 'month' },
        creationDate: AT,
        lastUpdated: AT,
        ...over,
      };
      await publish('application', state, { applicationId: state.id, id: state.id }, version);
      return state;
    },
    integration: async (applicationId: string, over: Partial<IntegrationState> = {}, version = 1): Promise<IntegrationState> => {
      const state: IntegrationState = {
        id: anId(),
        applicationId,
        name: 'line 1',
        enabled: true,
        integrationType: type,
        topics: ['a/#'],
        config: { protocol: 'mqtt', host: 'broker.example', port: 1883, clean: false },
        assignedClientId: 'assigned',
        creationDate: AT,
        lastUpdated: AT,
        ...over,
      };
      await publish('integration', state, { applicationId, id: state.id }, version);
      return state;
    },
    /** Of the type `http`; its secret has to be sealed. */
    credential: async (
      applicationId: string,
      over: Partial<CredentialState> & Pick<CredentialState, 'config'>,
      version = 1,
    ): Promise<CredentialState> => {
      const state: CredentialState = {
        id: anId(),
        applicationId,
        name: 'key',
        enabled: true,
        type: 'http',
        creationDate: AT,
        lastUpdated: AT,
        ...over,
      };
      await publish('credential', state, { applicationId, id: state.id }, version);
      return state;
    },
    deleteCredential: (state: CredentialState, version: number): Promise<void> =>
      publish('credential', null, { applicationId: state.applicationId, id: state.id }, version),
    deleteIntegration: (state: IntegrationState, version: number): Promise<void> =>
      publish('integration', null, { applicationId: state.applicationId, id: state.id }, version),
    sealing: async (applicationId: string) => {
      const { wrapped, key } = secrets.newDataKey(applicationId);
      await bus.kv('KEYS').put(applicationId, Buffer.from(wrapped));
      return (clear: string, resourceId: string, field: string) => seal(key, clear, { applicationId, resourceId, field });
    },
    /** A runtime on a connection of its own; `definition` changes what the type declares. */
    start: async ({ provider = new ScriptedProvider(), ...options }: StartOptions & { provider?: ScriptedProvider } = {}) => ({
      provider,
      ...(await start(provider, options)),
    }),
    /** A runtime with a provider of the caller's. */
    startWith: start,
    /** A runtime with the type's own client. */
    startReal: async (options: StartOptions = {}) => {
      const provider = await definitionOf(type).load();
      return await start(provider, options);
    },
    status: async ({ applicationId, id }: IntegrationState): Promise<StatusRecord | undefined> => {
      const entry = await bus.kv('STATUS').get(`${applicationId}.${id}`);
      return entry === undefined ? undefined : StatusRecord.parse(JSON.parse(Buffer.from(entry.value).toString()));
    },
    /** What is stored of an integration, oldest first. */
    inbound: async ({ applicationId, id }: IntegrationState): Promise<StoredInbound[]> => {
      const messages = await bus.list('INBOUND', inboundSubject(applicationId, id), { max: 10_000 });
      return messages.map((message) => bus.decodeInbound(message));
    },

    /** Another holder takes the partition of an integration over, as the bus sees it. */
    takeFence: async ({ id }: IntegrationState): Promise<void> => {
      const partition = partitionOf(id);
      const [fence] = await bus.list('INBOUND', fenceSubject('INBOUND', `connector-${type}`, partition));
      await bus.writeFence('INBOUND', `connector-${type}`, partition, Number(fence?.headers['sluice-token']));
    },

    /** Ends every runtime, in order. */
    stopRuntimes,
    stop: async (): Promise<void> => {
      await stopRuntimes();
      await bus.close();
      await nats.stop();
    },
  };
}
export type Harness = Awaited<ReturnType<typeof startHarness>>;
