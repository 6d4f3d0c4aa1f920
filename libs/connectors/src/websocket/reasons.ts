import type { IncomingMessage } from 'node:http';
import { ConnectorError, type ConnectorErrorCode } from '#lib/connector-sdk';
import { retryAfterMs, withoutSecrets } from '../http.ts';
import { tlsError } from '../tls.ts';

/** Close codes of RFC 6455 and the IANA registry, and the 44xx that servers use after HTTP's. */
const CLOSE_CODES: Readonly<Record<number, readonly [ConnectorErrorCode, string]>> = {
  1000: ['lost', 'The server closed the connection'],
  1001: ['lost', 'The server is going away'],
  1002: ['lost', 'The server found a protocol error'],
  1003: ['lost', 'The server does not take this kind of message'],
  1005: ['lost', 'The server closed the connection without saying why'],
  1007: ['lost', 'The server found a message whose text is not valid'],
  1008: ['lost', 'The server closed the connection because of its policy'],
  1009: ['lost', 'The server found a message too large'],
  1011: ['lost', 'The server had an error'],
  1012: ['lost', 'The server restarts'],
  1013: ['throttled', 'The server is busy'],
  3000: ['unauthorized', 'The server no longer accepts the credentials'],
  3003: ['unauthorized', 'The server forbids this connection'],
  4401: ['unauthorized', 'The server no longer accepts the credentials'],
  4403: ['unauthorized', 'The server forbids this connection'],
  4429: ['throttled', 'The server limits how much is sent to it'],
};

/** What the server's close frame, or the end without one (1006), means. `said`: the reason in the frame. */
export function closedBy(statusCode: number, said: string, secrets: readonly string[]): ConnectorError {
  if (statusCode === 1006) return new ConnectorError('lost', 'Connection Lost', { data: { statusCode } });
  const [code, words] = CLOSE_CODES[statusCode] ?? ['lost', 'The server closed the connection'];
  const reason = withoutSecrets(said, secrets);
  return new ConnectorError(code, `${words} (${statusCode})${reason === '' ? '.' : `: ${reason}`}`, {
    data: { statusCode, ...(reason === '' ? {} : { reason }) },
  });
}

/** What an HTTP answer that is no upgrade means. */
export function upgradeRefused({ statusCode = 0, headers }: Pick<IncomingMessage, 'statusCode' | 'headers'>, now: number): ConnectorError {
  const [code, hint] = refusal(statusCode, headers['retry-after'] !== undefined);
  const wait = code === 'throttled' ? retryAfterMs(headers['retry-after'], now) : undefined;
  const reason = `Unexpected server response: ${statusCode}`;
  return new ConnectorError(code, `${reason}${hint === '' ? '' : `. ${hint}`}`, {
    data: { statusCode, reason },
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  });
}

function refusal(status: number, saysWhen: boolean): readonly [ConnectorErrorCode, string] {
  if (status === 401) return ['unauthorized', 'The server wants other credentials.'];
  if (status === 403) return ['unauthorized', 'The server forbids this connection: check the credentials and what they allow.'];
  if (status === 407) return ['unauthorized', 'A proxy before the server wants credentials.'];
  if (status === 429) return ['throttled', 'The server limits connections.'];
  if (status === 503 && saysWhen) return ['throttled', 'The server is busy.'];
  if (status >= 500 || status === 408 || status === 425) return ['lost', ''];
  if (status >= 300 && status < 400) return ['misconfigured', 'The server redirects, which is not followed: set url to where it points.'];
  if (status === 404 || status === 410) return ['misconfigured', 'There is no websocket at this path: check url.'];
  return ['misconfigured', 'The server does not speak websockets at this address: check url.'];
}

/** What an error of the handshake or of the open link means. */
export function linkFailed(error: Error): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    return new ConnectorError('lost', 'The server sent a message larger than 16 MB, which is not read.', {
      cause: error,
      data: { statusCode: 1009 },
    });
  if (code.startsWith('WS_ERR_'))
    return new ConnectorError('lost', `The server broke the websocket protocol (${code}).`, { cause: error, data: { statusCode: 1002 } });
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return tlsError(error);
  if (code.startsWith('HPE_'))
    return new ConnectorError('misconfigured', 'The server does not speak websockets on this port: check url.', { cause: error });
  if (message === 'Opening handshake has timed out')
    return new ConnectorError('lost', 'The server did not answer the websocket handshake in time.', { cause: error });
  if (/subprotocol/.test(message))
    return new ConnectorError(
      'misconfigured',
      'The server chose no subprotocol that was offered, or wants one: name what it speaks in the header Sec-WebSocket-Protocol.',
      { cause: error },
    );
  if (/^Invalid (Upgrade|Sec-WebSocket)|Extensions/.test(message))
    return new ConnectorError('misconfigured', 'The server answers the websocket handshake wrongly: check url.', { cause: error });
  return new ConnectorError('lost', `Connection Lost${code === '' ? '' : ` (${code})`}`, { cause: error });
}
