import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { isGarbled, understood, unreadable } from '../known-servers.ts';
import { type Dial, abortable, openSocket } from '../socket.ts';
import type { Upgrade } from './authentication.ts';
import { linkFailed, upgradeRefused } from './reasons.ts';

/**
 * The longest message that is read. Beyond the bus' 8 MB it can't be stored, but read it leaves a dead letter, where refusing it would break the link and lose
 * what stands behind it; ws' own bound is 100 MiB.
 */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** The server's answer to the upgrade must come within this, ms: before the runtime's own deadline, so that the reason says what was missing. */
const HANDSHAKE_MS = 8_000;
/** How long the server may take to answer our close frame, ms. The client's types don't know this option. */
const CLOSING = { closeTimeout: 1_000 };

/** An `error` that nobody listens to would end the process. */
const heardElsewhere = (): void => undefined;

export interface Upgraded {
  /** Open, and paused: nothing is read until it is resumed. */
  readonly ws: WebSocket;
  /** Of the answer to the upgrade. */
  readonly headers: IncomingHttpHeaders;
}

/** Dials, and upgrades to a websocket. Rejects ConnectorError, and nothing is left open then. */
export async function handshake({ url, headers, subprotocols, tls }: Upgrade, context: Dial): Promise<Upgraded> {
  const port = url.port === '' ? (tls === undefined ? 80 : 443) : Number(url.port);
  const socket = await openSocket({ host: url.hostname, port, tls }, context);
  return await abortable(socket, context.signal, async () => {
    const ws = new WebSocket(url, [...subprotocols], {
      // The only socket there is: the client library opens none.
      createConnection: () => socket,
      headers,
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout: HANDSHAKE_MS,
      ...CLOSING,
      maxPayload: MAX_MESSAGE_BYTES,
      // Text that isn't UTF-8 reaches the workflow as bytes instead of ending the link.
      skipUTF8Validation: true,
    });
    return await new Promise<Upgraded>((resolve, reject) => {
      let answered: IncomingHttpHeaders = {};
      ws.once('upgrade', (response) => (answered = response.headers));
      ws.once('unexpected-response', (_request, response: IncomingMessage) => {
        reject(upgradeRefused(response, Date.now()));
        socket.destroy();
      });
      ws.on('error', heardElsewhere);
      ws.on('error', (error) => reject(isGarbled(error) ? unreadable(url.host, linkFailed(error)) : linkFailed(error)));
      ws.once('open', () => {
        understood(url.host);
        // What is listened for until here would be kept for as long as the link is: 1 KB.
        ws.removeAllListeners().on('error', heardElsewhere);
        ws.pause();
        resolve({ ws, headers: answered });
      });
    });
  });
}
