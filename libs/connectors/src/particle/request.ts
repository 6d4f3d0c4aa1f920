import { once } from 'node:events';
import { validateHeaderValue } from 'node:http';
import { understood, unreadable } from '../known-servers.ts';
import { type Dial, abortable, openSocket } from '../socket.ts';
import { type Answer, Body, Garbled } from './answer.ts';
import { noHttp, requestFailed } from './reasons.ts';

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

/** Makes one request over a socket of its own, dialled by the context; resolves with the answer, its body unread. Rejects ConnectorError. */
export async function exchange(cloud: Cloud, request: Request, context: Dial, progress: Progress = { sent: false }): Promise<Answer> {
  const { url } = cloud;
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const socket = await openSocket({ host: url.hostname, port, tls: secure ? {} : undefined }, context);
  return await abortable(socket, context.signal, async () => {
    const body = new Body(socket);
    try {
      const bytes = bytesOf(cloud, request);
      progress.sent = true;
      socket.write(bytes);
      const [answer] = (await once(body, 'head')) as [Answer];
      if (body.errored !== null) throw body.errored;
      understood(url.host);
      return answer;
    } catch (error) {
      throw error instanceof Garbled ? unreadable(url.host, noHttp(error)) : requestFailed(error as Error);
    }
  });
}

/** Throws ERR_INVALID_CHAR, not quoting it, for a header that would not be one line. */
function bytesOf({ url, accessToken }: Cloud, { method, path, headers, body = '' }: Request): Buffer {
  const content = Buffer.from(body);
  const all = {
    Host: url.host,
    Authorization: `Bearer ${accessToken}`,
    'User-Agent': 'sluice',
    ...headers,
    ...(method === 'POST' ? { 'Content-Length': `${content.length}` } : {}),
  };
  const lines = Object.entries(all).map(([name, value]) => {
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  const head = `${method} ${url.pathname.replace(/\/$/, '')}${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), content]);
}
