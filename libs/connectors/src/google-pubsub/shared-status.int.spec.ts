import { afterEach, describe, expect, it } from 'vitest';
import type { IntegrationState } from '#lib/contracts';
import { keyFiles } from '../../../../test/providers/google-pubsub.ts';
import { type GooglePubSubServer, startGooglePubSub } from '../../../../test/servers/google-pubsub.ts';
import { type Harness, anId, startHarness } from '../../../connector-runtime/src/testing/harness.ts';
import { googlePubSubProvider } from './provider.ts';

const { keyJson } = keyFiles();

interface Stand {
  readonly server: GooglePubSubServer;
  readonly at: Harness;
  readonly integrations: readonly [IntegrationState, IntegrationState, IntegrationState];
  /** Changes one, or deletes it. */
  change(integration: IntegrationState, changes: { enabled?: boolean; key?: string } | null): Promise<void>;
  publish(integration: IntegrationState, body: string): void;
  states(): Promise<(string | undefined)[]>;
  /** Kinds of what is stored of one: connects, disconnects, messages. */
  stored(integration: IntegrationState): Promise<string[]>;
}

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** Three integrations on one connection, as the runtime has them. */
async function connected(): Promise<Stand> {
  const server = await startGooglePubSub();
  stops.push(() => server.stop());
  const at = await startHarness({ type: 'googlePubSub' });
  stops.push(() => at.stop());
  const { id: applicationId } = await at.application();
  const sealed = await at.sealing(applicationId);
  let version = 0;
  const put = async (id: string, { enabled = true, key = 'first' } = {}): Promise<IntegrationState> => {
    server.createTopic(`projects/p/topics/${id}`);
    const config = { keyJson: sealed(keyJson(key), id, 'keyJson') };
    return await at.integration(applicationId, { id, enabled, topics: [id], config }, ++version);
  };
  const integrations = [await put(anId()), await put(anId()), await put(anId())] as const;
  await at.startWith(googlePubSubProvider({ service: { host: '127.0.0.1', port: server.port, trust: 'plain' } }));
  const states = async (): Promise<(string | undefined)[]> =>
    await Promise.all(integrations.map(async (one) => (await at.status(one))?.state));
  await expect.poll(states).toEqual(['connected', 'connected', 'connected']);
  expect(server.proxy.open).toBe(1);
  return {
    server,
    at,
    integrations,
    change: async (integration, changes) => {
      if (changes === null) await at.deleteIntegration(integration, ++version);
      else await put(integration.id, changes);
    },
    publish: ({ id }, body) => void server.publish(`projects/p/topics/${id}`, { data: Buffer.from(body) }),
    states,
    stored: async (integration) => (await at.inbound(integration)).map(({ type }) => type),
  };
}

describe('the status of those who share a connection', () => {
  it('shows a black hole on every one, and when it is lifted', { timeout: 120_000 }, async () => {
    const { server, integrations, publish, states, stored } = await connected();
    server.proxy.mode({ kind: 'stall' });
    await expect.poll(async () => (await states()).includes('connected'), { timeout: 40_000 }).toBe(false);
    server.proxy.mode({ kind: 'pass' });
    await expect.poll(states, { timeout: 60_000 }).toEqual(['connected', 'connected', 'connected']);
    for (const integration of integrations) {
      publish(integration, 'after');
      await expect.poll(async () => await stored(integration)).toEqual(['connect', 'disconnect', 'connect', 'message']);
    }
  });

  it('stays as it is while one of them is disabled, gets another key or is deleted', { timeout: 120_000 }, async () => {
    const { server, at, integrations, change, publish, states, stored } = await connected();
    const [changed, rotated, stays] = integrations;
    await change(changed, { enabled: false });
    await expect.poll(states).toEqual(['disabled', 'connected', 'connected']);
    const since = (await at.status(rotated))?.evidence?.at ?? 0;
    await change(rotated, { key: 'second' });
    await expect.poll(async () => (await at.status(rotated))?.evidence?.at).toBeGreaterThan(since);
    await expect.poll(() => server.proxy.open).toBe(2);
    publish(rotated, 'a');
    await expect.poll(async () => await stored(rotated)).toEqual(['connect', 'message']);
    await change(changed, null);
    await expect.poll(() => [...server.subscriptions.keys()].filter((name) => name.includes(changed.id))).toEqual([]);
    publish(stays, 'b');
    await expect.poll(async () => await stored(stays)).toEqual(['connect', 'message']);
    await change(rotated, null);
    await expect.poll(() => server.proxy.open).toBe(1);
    publish(stays, 'c');
    await expect.poll(async () => await stored(stays)).toEqual(['connect', 'message', 'message']);
    expect((await at.status(stays))?.state).toBe('connected');
  });
});
