import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { WebSocketServer, createWebSocketStream } from 'ws';
import { recordingContext } from '../../../../test/servers/connection-context.ts';
import { startScriptedBroker } from '../../../../test/servers/scripted-broker.ts';
import { MqttConfig } from './config.ts';
import { mqttProvider } from './provider.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** A broker that serves websockets at one path, and answers `status` at every other. */
async function startBroker(path: string, status: number): Promise<{ port: number; asked: string[] }> {
  const broker = await startScriptedBroker(4);
  stops.push(broker.stop);
  const websockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt' });
  const asked: string[] = [];
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    asked.push(request.url ?? '');
    if (request.url !== path) {
      socket.end(`HTTP/1.1 ${status} no\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      const stream = createWebSocketStream(websocket);
      const inner = connect({ host: '127.0.0.1', port: broker.port });
      for (const each of [stream, inner]) each.on('error', () => undefined);
      stream.pipe(inner).pipe(stream);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  stops.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

const connecting = async (port: number): Promise<void> => {
  const config = MqttConfig.parse({ protocol: 'ws', host: '127.0.0.1', port });
  const place = { integrationId: 'i', applicationId: 'a', topics: ['a'], config, assignedClientId: 'c' };
  const connection = await mqttProvider().connect(place, recordingContext());
  await connection.close({ drain: false });
};

it.each([
  ['/mqtt', 404, ['/mqtt']],
  ['/ws', 404, ['/mqtt', '/ws']],
  ['/ws', 400, ['/mqtt', '/ws']],
  ['/', 426, ['/mqtt', '/ws', '/']],
])('finds a broker at %s of a server that answers %i elsewhere', async (path, status, paths) => {
  const { port, asked } = await startBroker(path, status);
  await connecting(port);
  expect(asked).toEqual(paths);
});

it.each([
  [404, 'misconfigured', 3],
  [401, 'unauthorized', 1],
  [429, 'throttled', 1],
  [503, 'lost', 1],
])('a server that answers %i at every path is %s', async (status, code, tries) => {
  const { port, asked } = await startBroker('/elsewhere', status);
  await expect(connecting(port)).rejects.toMatchObject({ code, message: expect.stringContaining(`response: ${status}`) as string });
  expect(asked).toHaveLength(tries);
});
