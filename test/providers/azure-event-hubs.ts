import { EVENT_HUBS_KEY, startEventHubs } from '../servers/event-hubs.ts';
import type { Configured, Driver, ProviderServer } from './driver.ts';

const ROTATED = { ...EVENT_HUBS_KEY, name: 'sluice-2', key: 'a/second+Key/=' };

export const azureEventHub: Driver = { type: 'azureEventHub', message: 'data.event.body', start };

async function start(): Promise<ProviderServer> {
  const server = await startEventHubs();
  server.setKeys([EVENT_HUBS_KEY, ROTATED]);
  const configured = (hubName: string, { name, key } = EVENT_HUBS_KEY): Configured => ({
    topics: [],
    config: { hubName, consumerGroup: '$Default', connectionString: server.connectionString({ keyName: name, key }) },
    secrets: [key],
  });
  return {
    name: 'ours, AMQP 1.0 of Event Hubs on rhea',
    settings: {},
    proxy: server.proxy,
    source: (hub) => {
      // One partition: the order of several is nobody's.
      server.createHub(hub, { partitions: 1 });
      return Promise.resolve({
        ...configured(hub),
        rotated: configured(hub, ROTATED),
        refused: () => configured(hub, { ...EVENT_HUBS_KEY, key: 'wrong' }),
        publish: (bodies) => {
          server.append(
            hub,
            bodies.map((body) => ({ body: Buffer.from(body) })),
          );
          return Promise.resolve();
        },
        remains: () => Promise.resolve(server.readers(hub).map(({ partitionId }) => `a reader of partition ${partitionId}`)),
      });
    },
    outlet: (hub) => {
      server.createHub(hub, { partitions: 1 });
      return Promise.resolve({
        ...configured(hub),
        options: {},
        node: (integrationId, dataTemplate) => ({
          type: 'AzureEventHubPublishNode',
          config: { integrationId, dataTemplate, resultPath: 'working.sent' },
        }),
        sent: () => server.published(hub).map(({ body }) => String(body)),
      });
    },
    missing: () => Promise.resolve(configured('missing')),
    revoke: () => {
      server.setKeys([]);
      server.proxy.drop();
      return Promise.resolve();
    },
    restore: () => Promise.resolve(server.setKeys([EVENT_HUBS_KEY, ROTATED])),
    stop: () => server.stop(),
  };
}
