import { ConnectorError } from '#lib/connector-sdk';
import { isCompressed, retryAfterMs } from '../http.ts';
import { tlsError } from '../tls.ts';
import type { Answer } from './answer.ts';

type Head = Pick<Answer, 'statusCode' | 'headers'>;

const said = (status: number): string => `Unexpected server response: ${status}`;

/** The cloud asks to slow down: by a 429, or a 503 that says until when. */
export const isThrottled = ({ statusCode, headers }: Head): boolean =>
  statusCode === 429 || (statusCode === 503 && headers['retry-after'] !== undefined);

export function throttled({ statusCode, headers }: Head, now: number): ConnectorError {
  const wait = retryAfterMs(headers['retry-after'], now);
  return new ConnectorError('throttled', `${said(statusCode)}. Particle limits streams and calls of one address.`, {
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  });
}

/** What an answer that is no event stream means. */
export function streamRefused(answer: Head, now: number): ConnectorError {
  const { statusCode: status } = answer;
  if (isThrottled(answer)) return throttled(answer, now);
  if (status === 401) return new ConnectorError('unauthorized', `Unauthorized. Particle does not accept accessToken (${status}).`);
  if (status === 403)
    return new ConnectorError(
      'unauthorized',
      `Unauthorized. accessToken does not allow these events (${status}): check device, product and org.`,
    );
  if (status === 404)
    return new ConnectorError('misconfigured', `${said(status)}. There is no such device, product or org: check their names.`);
  if (status >= 500 || status === 408) return new ConnectorError('lost', said(status));
  if (status === 200 && isCompressed(answer.headers))
    return new ConnectorError('misconfigured', 'The server compresses its events, which is not read: check SLUICE_PARTICLE_URL.');
  if (status === 200)
    return new ConnectorError('misconfigured', 'The server answers with something else than events: check SLUICE_PARTICLE_URL.');
  return new ConnectorError('misconfigured', `${said(status)}. Check device, product and org.`);
}

/** Of a server that was never understood. */
export const noHttp = (cause: Error): ConnectorError =>
  new ConnectorError('misconfigured', 'The server does not speak HTTP: check SLUICE_PARTICLE_URL.', { cause });

/** What an error of a request or of the open stream means. */
export function requestFailed(error: Error): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'ERR_INVALID_CHAR')
    return new ConnectorError('misconfigured', 'accessToken has a character that a token cannot have: paste it again.');
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return tlsError(error);
  return new ConnectorError('lost', `Connection Lost${code === '' || code === 'ECONNRESET' ? '' : ` (${code})`}`, { cause: error });
}
