import { z } from 'zod';
import { flag, pem, text } from '../fields.ts';

/** A token of HTTP. */
export const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Headers of the upgrade itself, in lower case: nobody else sets them, but for the subprotocols that are offered. */
export const RESERVED_HEADER = /^(host|connection|upgrade|content-length|transfer-encoding|sec-websocket-(?!protocol$).*)$/;
export const SUBPROTOCOLS = 'sec-websocket-protocol';

/** Undefined: it is no list of tokens, each once. */
export function subprotocolsOf(value: string): readonly string[] | undefined {
  const names = value.split(',').map((name) => name.trim());
  return names.every((name) => HEADER_NAME.test(name)) && new Set(names).size === names.length ? names : undefined;
}

export const Header = z.strictObject({
  headerKey: text(1, 1024, { title: 'Name' }).regex(HEADER_NAME, 'must be the name of an HTTP header'),
  headerValue: text(1, 1024, { title: 'Value', secret: true }),
});

export const WebsocketConfig = z.strictObject({
  url: text(1, 1024, { title: 'URL', description: 'Begins with ws:// or wss://; path and query are kept.', template: true }),
  disableSSLVerification: flag({
    title: 'Skip TLS verification',
    description: 'Accepts any certificate of the server: for tests only.',
    advanced: true,
  }).optional(),
  username: text(1, 1024, { title: 'Username', description: 'Of Basic authentication; may be absent.', template: true }).optional(),
  password: text(1, 1024, { title: 'Password', description: 'Of Basic authentication.', template: true, secret: true }).optional(),
  privateKey: pem({ title: 'Private key', description: 'PEM, of the client certificate. Only with wss.', secret: true }).optional(),
  certificate: pem({ title: 'Certificate', description: 'PEM, the client certificate. Only with wss.' }).optional(),
  caCertificate: pem({
    title: 'CA certificate',
    description: "PEM of the authority that signed the server's certificate. Only with wss.",
    advanced: true,
  }).optional(),
  headers: z
    .array(Header)
    .max(50)
    .optional()
    .meta({ title: 'Headers', description: 'Sent with the upgrade request, at most 50.', advanced: true }),
});
export type WebsocketConfig = z.output<typeof WebsocketConfig>;

/** Options of one send. */
export const WebsocketSend = z.strictObject({
  /** Sent as a binary frame; absent: as a text frame where the bytes are UTF-8. */
  binary: z.boolean().optional(),
});
