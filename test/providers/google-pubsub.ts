import { generateKeyPairSync } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { startGooglePubSub } from '../servers/google-pubsub.ts';
import type { Configured, Driver, ProviderServer } from './driver.ts';

const METHODS = ['Publish', 'GetSubscription', 'CreateSubscription', 'ListSubscriptions', 'StreamingPull', 'Acknowledge'] as const;

export const googlePubSub: Driver = {
  type: 'googlePubSub',
  message: 'data.data',
  named: ({ keyJson, ...config }) => ({ type: 'gcp', fields: { keyJson }, config }),
  start,
};

/** Key files of one service account, which differ by the key's id, and what of them must never be seen. */
export function keyFiles(): {
  readonly projectId: string;
  readonly keyJson: (id: string) => string;
  readonly secrets: readonly string[];
  /** PEM. */
  readonly publicKey: string;
} {
  const projectId = 'p';
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const account = { type: 'service_account', project_id: projectId, client_email: 'sluice@p.example', private_key: pem };
  return {
    projectId,
    keyJson: (id) => JSON.stringify({ ...account, private_key_id: id }),
    secrets: [pem.split('\n')[1] ?? '', 'BEGIN PRIVATE KEY'],
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
  };
}

async function start(): Promise<ProviderServer> {
  const server = await startGooglePubSub();
  const { keyJson, secrets } = keyFiles();
  const path = (name: string): string => `projects/p/topics/${name}`;
  const configured = (topics: readonly string[], key = 'first'): Configured => ({
    topics,
    config: { keyJson: keyJson(key) },
    secrets,
  });
  const subscriptions = (topic: string) => [...server.subscriptions.values()].filter((one) => one.topic === path(topic));
  return {
    name: 'ours, gRPC of google.pubsub.v1',
    settings: { PUBSUB_EMULATOR_HOST: `127.0.0.1:${server.port}` },
    proxy: server.proxy,
    source: (name) => {
      server.createTopic(path(name));
      return Promise.resolve({
        ...configured([name]),
        rotated: configured([name], 'second'),
        // It knows no key from another: whoever looks for its subscription now is refused.
        refused: () => {
          server.behave('GetSubscription', { kind: 'refuse', code: status.UNAUTHENTICATED });
          return configured([name], 'third');
        },
        publish: (bodies) => {
          server.publish(path(name), ...bodies.map((body) => ({ data: Buffer.from(body) })));
          return Promise.resolve();
        },
        kept: () => Promise.resolve(subscriptions(name).reduce((sum, one) => sum + one.waiting.length + one.outstanding.size, 0)),
        redeliver: () => Promise.resolve(server.redeliver()),
        remains: (integrationId) => Promise.resolve([...server.subscriptions.keys()].filter((one) => one.includes(integrationId))),
      });
    },
    outlet: (name) => {
      server.createTopic(path(name));
      return Promise.resolve({
        ...configured([]),
        options: { topic: name },
        node: (integrationId, dataTemplate) => ({
          type: 'GooglePublishNode',
          config: { integrationId, topicTemplate: name, dataTemplate, resultPath: 'working.sent' },
        }),
        sent: () => server.published(path(name)).map(({ data }) => Buffer.from(data ?? '').toString()),
      });
    },
    missing: () => Promise.resolve(configured(['missing'])),
    revoke: () => {
      for (const method of METHODS) server.behave(method, { kind: 'refuse', code: status.UNAUTHENTICATED });
      server.endStreams(status.UNAUTHENTICATED);
      return Promise.resolve();
    },
    deafen: () => server.behave('Acknowledge', { kind: 'hang' }),
    restore: () => {
      for (const method of METHODS) server.behave(method, { kind: 'answer' });
      return Promise.resolve();
    },
    stop: () => server.stop(),
  };
}
