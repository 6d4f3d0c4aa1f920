import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { HttpFailure } from '../engine/http.ts';
import type { Connections, Route, RoutedOptions } from './connections.ts';
import { ACCEPTED, decoded, tooLarge } from './decode.ts';
import type { Target } from './target.ts';

/** Largest body of an answer, bytes, as it came and decompressed. */
const MAX_BODY = 5 * 1024 * 1024;

/** Doing the same again changes nothing (RFC 9110, 9.2.2). */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

/** Its signal ends it, with the signal's reason. */
export interface Exchange extends Route, Target {
  readonly method: string;
  readonly body?: Uint8Array | undefined;
}

export interface Exchanged {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends one request and reads the whole answer. Rejects HttpFailure. */
export async function exchange(connections: Connections, wanted: Exchange): Promise<Exchanged> {
  try {
    const answer = await answered(connections, wanted);
    const body = await decoded(await bodyOf(answer), answer.headers['content-encoding'], MAX_BODY);
    return { statusCode: answer.statusCode ?? 0, headers: answer.headers, body };
  } catch (error) {
    throw wanted.signal.aborted ? wanted.signal.reason : failureOf(error);
  }
}

function answered(connections: Connections, wanted: Exchange): Promise<IncomingMessage> {
  const { url, method, headers, body, signal } = wanted;
  const options: RoutedOptions = {
    agent: connections,
    route: wanted,
    signal,
    method,
    path: `${url.pathname}${url.search}`,
    headers: {
      'user-agent': 'sluice',
      accept: '*/*',
      'accept-encoding': ACCEPTED,
      ...headers,
      host: headers['host'] ?? url.host,
      ...(body === undefined ? {} : { 'content-length': String(body.byteLength) }),
    },
  };
  return new Promise((resolve, reject) => {
    const sent = request(options);
    sent.once('response', resolve);
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // The server had given up a kept connection meanwhile. Each try uses one up, and the last makes its own.
      const again = sent.reusedSocket && error.code === 'ECONNRESET' && REPEATABLE.has(method) && !signal.aborted;
      if (again) resolve(answered(connections, wanted));
      else reject(error);
    });
    sent.end(body);
  });
}

async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.byteLength;
    if (size > MAX_BODY) throw tooLarge(MAX_BODY);
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
