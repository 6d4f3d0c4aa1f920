import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { dial, type EgressPolicy } from '#lib/egress';
import { HttpFailure } from '../engine/http.ts';
import type { Target } from './target.ts';

/** Largest body of an answer, bytes (WORKFLOWS.md). */
const MAX_BODY = 5 * 1024 * 1024;

/** More than a request may take: the signal ends the dial. */
const DIAL_MS = 60_000;

export interface Exchange extends Target {
  readonly method: string;
  readonly body?: Uint8Array | undefined;
  readonly caCertificate?: string | undefined;
  readonly verify: boolean;
  /** Ends it, with the signal's reason. */
  readonly signal: AbortSignal;
}

export interface Exchanged {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends one request over a connection of its own, dialled through the guard, and reads the whole answer. Rejects HttpFailure. */
export async function exchange(policy: EgressPolicy, wanted: Exchange): Promise<Exchanged> {
  const { signal } = wanted;
  let socket: Socket | undefined;
  const onAbort = (): void => void socket?.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    socket = await connected(policy, wanted, (made) => (socket = made));
    const answer = await answered(socket, wanted);
    return { statusCode: answer.statusCode ?? 0, headers: answer.headers, body: await bodyOf(answer) };
  } catch (error) {
    throw signal.aborted ? signal.reason : failureOf(error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket?.destroy();
  }
}

async function connected(policy: EgressPolicy, wanted: Exchange, made: (socket: Socket) => void): Promise<Socket> {
  const { url, signal, verify, caCertificate, clientCertificate } = wanted;
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const socket = await dial(policy, url.hostname, port, { signal, timeoutMs: DIAL_MS });
  made(socket);
  signal.throwIfAborted();
  if (!secure) return socket;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return await new Promise((resolve, reject) => {
    socket.once('error', reject);
    const tls = connectTls({
      socket,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(caCertificate === undefined ? {} : { ca: caCertificate }),
      ...(clientCertificate === undefined ? {} : { key: clientCertificate.key, cert: clientCertificate.certificate }),
      rejectUnauthorized: verify,
    });
    made(tls);
    tls.once('error', reject).once('close', () => reject(new Error('closed')));
    tls.once('secureConnect', () => resolve(tls));
  });
}

function answered(socket: Socket, { url, method, headers, body }: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({
      createConnection: () => socket,
      method,
      path: `${url.pathname}${url.search}`,
      headers: {
        'user-agent': 'sluice',
        accept: '*/*',
        ...headers,
        host: headers['host'] ?? url.host,
        connection: 'close',
        ...(body === undefined ? {} : { 'content-length': String(body.byteLength) }),
      },
    });
    sent.once('response', resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.byteLength;
    if (size > MAX_BODY) throw new HttpFailure('ResponseTooLarge', `the answer is larger than ${MAX_BODY} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

/** Their own words may quote an address or a certificate: only their code is told, and the guard's words, which name the host. */
function failureOf(error: unknown): HttpFailure {
  if (error instanceof HttpFailure) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'egressForbidden') return new HttpFailure('EgressForbidden', message);
  if (code === 'egressUnresolved') return new HttpFailure('HostNotFound', message);
  const said = code === '' ? '' : ` (${code})`;
  if (code.startsWith('ERR_OSSL'))
    return new HttpFailure('InvalidCertificate', `the client's key or certificate, or the authority, is not valid PEM${said}`);
  if (code.startsWith('ERR_SSL')) return new HttpFailure('HttpTls', `no TLS connection could be made${said}`);
  if (/CERT|SIGN|ISSUER|_CA$/.test(code)) return new HttpFailure('HttpTls', `the server's certificate is not trusted${said}`);
  if (/^ERR_(?:INVALID|HTTP)/.test(code)) return new HttpFailure('InvalidRequest', `the request can't be written${said}`);
  return new HttpFailure('HttpConnection', `the connection failed${said}`);
}
