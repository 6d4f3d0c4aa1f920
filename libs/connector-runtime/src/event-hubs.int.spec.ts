import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApplicationState, IntegrationState } from '#lib/contracts';
import { type EventHubsServer, startEventHubs } from '../../../test/servers/event-hubs.ts';
import { type Harness, anId, startHarness } from './testing/harness.ts';

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `${from + index}`);

describe('an Event Hubs integration under the runtime', () => {
  let at: Harness;
  let server: EventHubsServer;
  let hubs = 0;
  beforeAll(async () => {
    server = await startEventHubs();
    at = await startHarness({ type: 'azureEventHub' });
  });
  afterEach(async () => {
    server.proxy.mode({ kind: 'pass' });
    await at.stopRuntimes();
  });
  afterAll(async () => {
    await at.stop();
    await server.stop();
  });

  /** An integration of a hub of its own, of one partition. */
  const onHub = async (over: { connectionString?: string; limits?: ApplicationState['limits'] } = {}) => {
    const hub = `hub-${++hubs}`;
    server.createHub(hub, { partitions: 1 });
    const { id: applicationId } = await at.application(over.limits === undefined ? {} : { limits: over.limits });
    const sealed = await at.sealing(applicationId);
    const id = anId();
    const connectionString = sealed(over.connectionString ?? server.connectionString(), id, 'connectionString');
    const integration = await at.integration(applicationId, {
      id,
      topics: [],
      config: { hubName: hub, consumerGroup: '$Default', connectionString },
    });
    return { hub, integration };
  };
  const becomes = async (integration: IntegrationState, state: string): Promise<void> =>
    await expect.poll(async () => (await at.status(integration))?.state).toBe(state);
  const bodies = async (integration: IntegrationState): Promise<string[]> =>
    (await at.inbound(integration)).flatMap(({ type, body }) => (type === 'message' ? Buffer.from(body).toString() : []));
  const types = async (integration: IntegrationState): Promise<string[]> => (await at.inbound(integration)).map(({ type }) => type);

  it('goes on after a restart where it was, with what came meanwhile, and nothing twice', async () => {
    const { hub, integration } = await onHub();
    await at.startReal();
    await becomes(integration, 'connected');
    server.append(hub, numbers(20));
    await expect.poll(() => bodies(integration)).toEqual(numbers(20));
    await at.stopRuntimes();
    server.append(hub, numbers(20, 20));
    await at.startReal({ replicaId: 'r2' });
    await expect.poll(() => bodies(integration)).toEqual(numbers(40));
    expect((await at.inbound(integration)).flatMap(({ number }) => number ?? [])).toEqual(numbers(40, 1).map(Number));
  });

  it('takes once what comes again, when another replica takes over from one that still runs', async () => {
    const { hub, integration } = await onHub();
    await at.startReal();
    await becomes(integration, 'connected');
    server.append(hub, numbers(300));
    await expect.poll(async () => (await bodies(integration)).length).toBeGreaterThan(50);
    await at.startReal({ replicaId: 'r2' });
    await expect.poll(async () => (await at.status(integration))?.holder).toBe('r2');
    server.append(hub, numbers(20, 300));
    await expect.poll(() => bodies(integration)).toEqual(numbers(320));
    await becomes(integration, 'connected');
    expect(server.readers(hub).map(({ epoch }) => epoch)).toEqual([2]);
  });

  it('is held back by the throttle, in order and without a false alarm', async () => {
    const { hub, integration } = await onHub({ limits: { messagesPerSecond: 150, burst: 10, payloads: 0, period: 'month' } });
    await at.startReal();
    await becomes(integration, 'connected');
    server.append(hub, numbers(700));
    await expect.poll(() => bodies(integration)).toEqual(numbers(700));
    expect(new Set(await types(integration))).toEqual(new Set(['connect', 'message']));
  });

  it('is not connected any more when its link is a black hole, and comes back with what it missed', async () => {
    const { hub, integration } = await onHub();
    await at.startReal({ speed: 10 });
    await becomes(integration, 'connected');
    server.proxy.mode({ kind: 'stall' });
    server.append(hub, ['missed']);
    await becomes(integration, 'disconnected');
    expect(await at.status(integration)).toMatchObject({ reason: 'Keepalive Timeout' });
    server.proxy.drop();
    server.proxy.mode({ kind: 'pass' });
    await expect.poll(() => bodies(integration)).toEqual(['missed']);
  });

  it.each([
    ['a wrong key', () => server.connectionString({ key: 'canary' }), 'unauthorized', /policy sluice/],
    [
      'an address that is not allowed',
      () => `Endpoint=sb://10.0.0.1/;SharedAccessKeyName=k;SharedAccessKey=canary`,
      'misconfigured',
      /10\.0\.0\.1/,
    ],
    [
      'plain TCP to one',
      () => `Endpoint=sb://169.254.169.254:80/;SharedAccessKeyName=k;SharedAccessKey=canary;UseDevelopmentEmulator=true`,
      'misconfigured',
      /169\.254\.169\.254/,
    ],
  ])('tells %s, and waits', async (_, connectionString, state, reason) => {
    const { integration } = await onHub({ connectionString: connectionString() });
    await at.startReal();
    await becomes(integration, state);
    const status = await at.status(integration);
    expect(status?.reason).toMatch(reason);
    expect((status?.nextAttempt ?? 0) - (status?.since ?? 0)).toBeGreaterThan(60_000);
    expect(JSON.stringify([status, await at.inbound(integration)])).not.toContain('canary');
  });

  it('leaves no checkpoint behind when it is deleted, held or not', async () => {
    const left = async ({ id }: IntegrationState): Promise<number> =>
      (await at.bus.kv('CHECKPOINTS').entries('')).filter(({ key }) => key.includes(id)).length;
    const { integration: held } = await onHub();
    const { integration: meanwhile } = await onHub();
    await at.startReal();
    for (const integration of [held, meanwhile]) await becomes(integration, 'connected');
    expect([await left(held), await left(meanwhile)]).toEqual([1, 1]);
    await at.deleteIntegration(held, 2);
    await expect.poll(async () => [await left(held), await at.status(held)]).toEqual([0, undefined]);
    await at.stopRuntimes();
    await at.deleteIntegration(meanwhile, 2);
    await at.startReal({ replicaId: 'r2' });
    await expect.poll(async () => [await left(meanwhile), await at.status(meanwhile)]).toEqual([0, undefined]);
  });
});
