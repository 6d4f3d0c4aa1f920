import { startFaultProxy } from '../servers/fault-proxy.ts';
import { startWebsocketServer } from '../servers/websocket.ts';
import type { Configured, Driver, ProviderServer } from './driver.ts';
import { packageVersion } from './package-version.ts';

export const websocket: Driver = {
  type: 'websocket',
  message: 'data.message.data',
  named: ({ url, username, password }) => ({
    type: 'http',
    fields: { uriMatch: new URL(String(url)).origin, authMethod: 'basicAuth', publicValue: username, secretValue: password },
    config: { url },
  }),
  start,
};

async function start(): Promise<ProviderServer> {
  const server = await startWebsocketServer();
  const proxy = await startFaultProxy({ port: Number(new URL(server.url).port) });
  const configured = (name: string, password = 'opensesame'): Configured => ({
    topics: [],
    config: { url: `ws://127.0.0.1:${proxy.port}/${name}`, username: 'sluice', password },
    secrets: [password],
  });
  return {
    name: `ws ${packageVersion('ws')}`,
    settings: {},
    proxy,
    source: (name) =>
      Promise.resolve({
        ...configured(name),
        rotated: configured(name, 'opensesame-2'),
        refused: () => {
          server.mode({ kind: 'refuse', status: 401 });
          return configured(name, 'wrong');
        },
        publish: (bodies) => {
          for (const body of bodies) server.broadcast(body, `/${name}`);
          return Promise.resolve();
        },
        remains: () => Promise.resolve(server.connected(`/${name}`) ? [`the link of ${name}`] : []),
      }),
    outlet: (name) =>
      Promise.resolve({
        ...configured(name),
        options: {},
        node: (integrationId, messageTemplate) => ({
          type: 'WebsocketMessageNode',
          config: { integrationId, messageTemplate, encodingTemplate: 'utf8' },
        }),
        sent: () => server.received.flatMap(({ path, data }) => (path === `/${name}` ? [data.toString()] : [])),
      }),
    missing: () => Promise.resolve(configured('missing')),
    revoke: () => {
      server.mode({ kind: 'refuse', status: 401 });
      server.close(4401, 'no longer');
      return Promise.resolve();
    },
    restore: () => Promise.resolve(server.mode({ kind: 'accept' })),
    stop: async () => {
      await proxy.stop();
      await server.stop();
    },
  };
}
