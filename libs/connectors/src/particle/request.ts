import { type IncomingMessage, request } from 'node:http';
import { isGarbled, understood, unreadable } from '../known-servers.ts';
import { type Dial, abortable, openSocket } from '../socket.ts';
import { requestFailed } from './reasons.ts';

export interface Cloud {
  readonly url: URL;
  readonly accessToken: string;
}

export interface Request {
  readonly method: 'GET' | 'POST';
  /** Below the cloud's URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Where a request was when it failed: an `unsent` one did nothing. */
export interface Progress {
  sent: boolean;
}

/** Makes one request over a socket of its own, dialled by the context; resolves with the answer's head, its body unread. Rejects ConnectorError. */
export async function exchange(
  { url, accessToken }: Cloud,
  { method, path, headers, body }: Request,
  context: Dial,
  progress: Progress = { sent: false },
): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const socket = await openSocket({ host: url.hostname, port, tls: secure ? {} : undefined }, context);
  return await abortable(socket, context.signal, async () => {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      try {
        const sent = request({
          // The socket speaks TLS already where it has to.
          createConnection: () => socket,
          method,
          path: `${url.pathname.replace(/\/$/, '')}${path}`,
          // A list is sent as it is; of an object, the request keeps a second copy for as long as the stream is open.
          headers: Object.entries({
            Host: url.host,
            Authorization: `Bearer ${accessToken}`,
            'User-Agent': 'sluice',
            ...headers,
            ...(body === undefined ? {} : { 'Content-Length': `${Buffer.byteLength(body)}` }),
          }).flat(),
        });
        sent.once('response', (answer) => {
          understood(url.host);
          answer.on('error', () => undefined); // whoever reads it hears of it too
          // After the end of an answer that could be followed by another, Node leaves the socket open, and without a listener: a reset would end the process.
          answer.once('close', () => socket.destroy());
          resolve(answer);
        });
        sent.on('error', (error) => reject(isGarbled(error) ? unreadable(url.host, requestFailed(error)) : requestFailed(error)));
        progress.sent = true;
        sent.end(body);
      } catch (error) {
        reject(requestFailed(error as Error));
      }
    });
  });
}
