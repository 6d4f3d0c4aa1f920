import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ConnectorError } from '#lib/connector-sdk';
import { isGarbled, understood, unreadable } from '../known-servers.ts';
import { type Dial, abortable, openSocket } from '../socket.ts';
import { tlsError } from '../tls.ts';
import type { MqttConfig } from './config.ts';

/** HTTP paths of MQTT over websockets, in the order they are tried: what most brokers serve, RabbitMQ's, then the root. */
const PATHS = ['/mqtt', '/ws', '/'];
/** Frames of a websocket are read whole: none may be longer. MQTT packets may span them. */
const MAX_WEBSOCKET_FRAME = 17 * 1024 * 1024;

/** Opens the byte stream that MQTT runs over, through the context's dial. Rejects ConnectorError; aborting the signal ends it. */
export async function openStream(config: MqttConfig, context: Dial): Promise<Duplex> {
  const port = Number(config.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new ConnectorError('misconfigured', 'port must be a whole number from 1 to 65535.');
  const { protocol, host } = config;
  const tls = protocol === 'mqtts' || protocol === 'wss' ? config : undefined;
  const open = async (): Promise<Socket> => await openSocket({ host, port, tls }, context);
  if (protocol === 'mqtt' || protocol === 'mqtts') return await open();
  const scheme = `${protocol}://${bracketed(host)}:${port}`;
  let refused: ConnectorError | undefined;
  for (const path of PATHS) {
    const answer = await upgrade(`${scheme}${path}`, await open(), context.signal);
    if (!(answer instanceof ConnectorError)) return answer;
    refused = answer;
  }
  throw refused as ConnectorError;
}

const bracketed = (host: string): string => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host);

/** An error that it resolves with: the server has no broker at this path. */
async function upgrade(url: string, socket: Socket, signal: AbortSignal): Promise<Duplex | ConnectorError> {
  const { host } = new URL(url);
  return await abortable(socket, signal, async () => {
    // Loaded by those alone that need it.
    const { WebSocket, createWebSocketStream } = await import('ws');
    const ws = new WebSocket(url, ['mqtt'], {
      createConnection: () => socket,
      perMessageDeflate: false,
      followRedirects: false,
      maxPayload: MAX_WEBSOCKET_FRAME,
    });
    return await new Promise<Duplex | ConnectorError>((resolve, reject) => {
      ws.once('unexpected-response', (_request, response: IncomingMessage) => {
        socket.destroy();
        const refused = upgradeRefused(response.statusCode ?? 0);
        if (refused.code === 'misconfigured') resolve(refused);
        else reject(refused);
      });
      ws.once('error', (error) => reject(isGarbled(error) ? unreadable(host, upgradeFailed(error)) : upgradeFailed(error)));
      // The stream takes over the errors; before anything can be read.
      ws.once('open', () => {
        understood(host);
        resolve(createWebSocketStream(ws));
      });
    });
  });
}

function upgradeRefused(status: number): ConnectorError {
  if (status === 401 || status === 403)
    return new ConnectorError('unauthorized', `Unexpected server response: ${status}. The server refuses the websocket.`);
  if (status === 429) return new ConnectorError('throttled', `Unexpected server response: ${status}. The server limits connections.`);
  if (status >= 500) return new ConnectorError('lost', `Unexpected server response: ${status}.`);
  return new ConnectorError(
    'misconfigured',
    `Unexpected server response: ${status}. Is there a broker with websockets at this host and port? At ${PATHS.join(', ')} there is none.`,
  );
}

function upgradeFailed(error: Error): ConnectorError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code.startsWith('HPE_'))
    return new ConnectorError('misconfigured', 'The server does not speak websockets on this port: check protocol and port.', {
      cause: error,
    });
  if (/subprotocol/i.test(error.message))
    return new ConnectorError('misconfigured', 'The server does not offer the websocket subprotocol mqtt.', { cause: error });
  return streamError(error);
}

/** What an error of an open stream means. */
export function streamError(error: Error): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    return new ConnectorError(
      'misconfigured',
      'The broker sends a message larger than 16 MB, more than can be taken over websockets: use mqtt or mqtts.',
      {
        cause: error,
      },
    );
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return tlsError(error);
  return new ConnectorError('lost', `Connection Lost${code === '' ? '' : ` (${code})`}`, { cause: error });
}
