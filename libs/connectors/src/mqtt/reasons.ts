import { ConnectorError, type ConnectorErrorCode } from '#lib/connector-sdk';
import type { MqttConfig } from './config.ts';

type Reason = readonly [ConnectorErrorCode, string];

/** Return codes of a 3.1.1 CONNACK (§3.2.2.3). */
const RETURN_CODES: Record<number, Reason> = {
  1: ['misconfigured', 'The broker does not speak this protocol version: change protocolVersion.'],
  2: ['misconfigured', 'The broker refuses the client id: change clientId.'],
  3: ['lost', 'The broker is unavailable.'],
  4: ['unauthorized', 'The broker refuses the user name or password.'],
  5: ['unauthorized', 'The broker refuses this client: check its user name and password, or its certificate.'],
};

/** Reason codes of MQTT 5 (§2.4) from 0x80 on, as far as they end a connection or refuse one. */
const REASON_CODES: Record<number, Reason> = {
  1: RETURN_CODES[1] as Reason, // a broker of 3.1.1 only answers so
  0x80: ['lost', 'The broker refused without saying why.'],
  0x81: ['lost', 'The broker found a packet malformed.'],
  0x82: ['lost', 'The broker found a protocol error.'],
  0x83: ['lost', 'The broker refused for a reason of its own.'],
  0x84: RETURN_CODES[1] as Reason,
  0x85: RETURN_CODES[2] as Reason,
  0x86: RETURN_CODES[4] as Reason,
  0x87: RETURN_CODES[5] as Reason,
  0x88: ['lost', 'The broker is unavailable.'],
  0x89: ['throttled', 'The broker is busy.'],
  0x8a: ['unauthorized', 'The broker has banned this client.'],
  0x8b: ['lost', 'The broker is shutting down.'],
  0x8c: ['misconfigured', 'The broker wants another way to authenticate.'],
  0x8d: ['lost', 'The broker heard nothing from us for too long.'],
  0x8e: ['lost', 'Another client took the session over with the same client id: give each its own clientId.'],
  0x95: ['lost', 'The broker found a packet too large.'],
  0x96: ['throttled', 'The broker says the message rate is too high.'],
  0x97: ['throttled', 'A quota of the broker is used up.'],
  0x98: ['lost', "The broker's operator ended the connection."],
  0x9c: ['misconfigured', 'The broker moved for now: change host.'],
  0x9d: ['misconfigured', 'The broker moved: change host.'],
  0x9f: ['throttled', 'The broker limits how fast clients connect.'],
  0xa0: ['lost', 'The broker ended the connection: its maximum connect time is over.'],
};

const REFUSALS: Record<number, string> = {
  0x87: 'not authorized',
  0x8f: 'the filter is invalid there',
  0x90: 'the topic is invalid there',
  0x91: 'the packet id is in use',
  0x97: 'a quota is used up',
  0x99: 'the payload format is invalid',
  0x9e: 'shared subscriptions are not supported',
  0xa1: 'subscription identifiers are not supported',
  0xa2: 'wildcards are not supported',
};

const hex = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`;

/** What a refused CONNECT means; `code` is the CONNACK's. */
export function connectRefused(code: number, version: 4 | 5): ConnectorError {
  const [kind, words] = (version === 4 ? RETURN_CODES : REASON_CODES)[code] ?? ['lost', 'The broker refused the connection.'];
  return new ConnectorError(kind, `${words} (CONNACK ${version === 4 ? code : hex(code)})`);
}

/** What a DISCONNECT of an MQTT 5 broker means. */
export function disconnected(code: number): ConnectorError {
  const [kind, words] = REASON_CODES[code] ?? ['lost', 'The broker ended the connection.'];
  return new ConnectorError(kind, `${words} (DISCONNECT ${hex(code)})`);
}

/** Why a filter or a message was refused, in words; 3.1.1 only says that it was. */
export function refusal(code: number): string {
  const words = REFUSALS[code];
  return words === undefined ? `the broker gives no reason (${hex(code)})` : `${words} (${hex(code)})`;
}

/**
 * A server of TLS 1.3 that wants a client certificate lets the handshake end and closes then; its alert is lost when our CONNECT was on its way. So a link
 * that is closed without an answer may mean that.
 */
export function withoutCertificate(config: MqttConfig, error: unknown): unknown {
  const secure = config.protocol === 'mqtts' || config.protocol === 'wss';
  if (!secure || config.certificate !== undefined || !(error instanceof ConnectorError) || error.code !== 'lost') return error;
  return new ConnectorError('lost', `${error.message} If it wants a client certificate, set certificate and privateKey.`, { cause: error });
}
