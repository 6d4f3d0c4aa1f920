import { PubSub } from '@google-cloud/pubsub';
import { status } from '@grpc/grpc-js';
import { startFaultProxy } from '../servers/fault-proxy.ts';
import { startGooglePubSub } from '../servers/google-pubsub.ts';
import { emulatorFolder, startPubSubEmulator } from '../servers/pubsub-emulator.ts';
import type { Configured, Driver, ProviderServer } from './driver.ts';
import { keyFiles } from './google-pubsub.ts';

const folder = emulatorFolder();

/** Google's own emulator, where the machine has it. */
export const googlePubSubEmulator: Driver | undefined =
  folder === undefined ? undefined : { type: 'googlePubSub', message: 'data.data', start: () => start(folder) };

async function start(at: string): Promise<ProviderServer> {
  // No credential is looked for, of which it needs none.
  process.env['METADATA_SERVER_DETECTION'] = 'none';
  const emulator = await startPubSubEmulator(at);
  // It lets everyone in: while credentials are refused, a server of ours stands in its place.
  const refusing = await startGooglePubSub();
  for (const method of ['GetSubscription', 'CreateSubscription', 'ListSubscriptions', 'ListTopics', 'StreamingPull'] as const)
    refusing.behave(method, { kind: 'refuse', code: status.UNAUTHENTICATED });
  const target = { port: emulator.port };
  const proxy = await startFaultProxy(target);
  const { keyJson, secrets, projectId } = keyFiles();
  const other = new PubSub({ projectId, apiEndpoint: `127.0.0.1:${emulator.port}`, emulatorMode: true });
  const configured = (topics: readonly string[], key = 'first'): Configured => ({ topics, config: { keyJson: keyJson(key) }, secrets });
  const pointAt = (port: number): Promise<void> => {
    target.port = port;
    proxy.drop();
    return Promise.resolve();
  };
  return {
    name: `Google's emulator ${emulator.version}`,
    settings: { PUBSUB_EMULATOR_HOST: `127.0.0.1:${proxy.port}` },
    proxy,
    source: async (name, { ordered = false } = {}) => {
      const [topic] = await other.createTopic(name);
      topic.setPublishOptions({ messageOrdering: ordered });
      const key = ordered ? { orderingKey: 'one' } : {};
      return {
        ...configured([name]),
        rotated: configured([name], 'second'),
        refused: () => {
          target.port = refusing.port;
          return configured([name], 'third');
        },
        publish: async (bodies) =>
          void (await Promise.all(bodies.map((body) => topic.publishMessage({ data: Buffer.from(body), ...key })))),
        remains: async (integrationId) => {
          const [subscriptions] = await other.getSubscriptions();
          return subscriptions.map((subscription) => subscription.name).filter((each) => each.includes(integrationId));
        },
      };
    },
    outlet: async (name) => {
      const [topic] = await other.createTopic(name, {});
      const [subscription] = await topic.createSubscription(`another-${name}`);
      const sent: string[] = [];
      subscription.on('message', (message) => {
        sent.push(message.data.toString());
        message.ack();
      });
      return {
        ...configured([]),
        options: { topic: name },
        node: (integrationId, dataTemplate) => ({
          type: 'GooglePublishNode',
          config: { integrationId, topicTemplate: name, dataTemplate, resultPath: 'working.sent' },
        }),
        sent: () => sent,
      };
    },
    missing: () => Promise.resolve(configured(['missing'])),
    revoke: () => pointAt(refusing.port),
    restore: () => pointAt(emulator.port),
    stop: async () => {
      await other.close();
      await Promise.all([proxy.stop(), refusing.stop(), emulator.stop()]);
    },
  };
}
