import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { type Socket, isIP } from 'node:net';
import { type SecureContext, type TLSSocket, connect, createSecureContext } from 'node:tls';
import { ConnectorError } from '#lib/connector-sdk';

export interface TlsSettings {
  readonly privateKey?: string | undefined;
  readonly certificate?: string | undefined;
  readonly caCertificate?: string | undefined;
  readonly disableSSLVerification?: boolean | undefined;
}

/** Distinct sets of certificates kept at hand. A context of its own for each connection costs ten times the memory. */
const MAX_CONTEXTS = 512;
const contexts = new Map<string, SecureContext>();

/** One shared context per distinct set of certificates. Throws ConnectorError `misconfigured` naming the field, never quoting it. */
function contextOf({ privateKey, certificate, caCertificate }: TlsSettings): SecureContext {
  const hash = createHash('sha256');
  for (const pem of [privateKey, certificate, caCertificate]) hash.update(`${pem?.length ?? -1}:`).update(pem ?? '');
  const key = hash.digest('base64');
  const known = contexts.get(key);
  if (known !== undefined) {
    contexts.delete(key);
    contexts.set(key, known); // last used, last to go
    return known;
  }
  const context = makeContext({ privateKey, certificate, caCertificate });
  contexts.set(key, context);
  const [oldest] = contexts.keys();
  if (contexts.size > MAX_CONTEXTS && oldest !== undefined) contexts.delete(oldest);
  return context;
}

function makeContext({ privateKey, certificate, caCertificate }: TlsSettings): SecureContext {
  const parsed = <T>(field: string, parse: () => T): T => {
    try {
      return parse();
    } catch {
      // The parser's own words may quote its input: they go nowhere.
      throw new ConnectorError('misconfigured', `${field} is not valid PEM: paste it whole, with its BEGIN and END lines.`);
    }
  };
  if (caCertificate !== undefined) parsed('caCertificate', () => new X509Certificate(caCertificate));
  const own = certificate === undefined ? undefined : parsed('certificate', () => new X509Certificate(certificate));
  const key = privateKey === undefined ? undefined : parsed('privateKey', () => createPrivateKey(privateKey));
  if (own !== undefined && key !== undefined && !own.checkPrivateKey(key))
    throw new ConnectorError('misconfigured', 'privateKey is not the key of certificate.');
  return parsed('The certificate set', () =>
    createSecureContext({
      minVersion: 'TLSv1.2',
      ...(caCertificate === undefined ? {} : { ca: caCertificate }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(privateKey === undefined ? {} : { key: privateKey }),
    }),
  );
}

/** Speaks TLS over a dialled socket; the name is checked and sent (SNI) unless it is an address. Rejects ConnectorError. */
export async function secure(socket: Socket, host: string, settings: TlsSettings): Promise<TLSSocket> {
  const name = host.replace(/^\[|\]$/g, '');
  const tls = connect({
    socket,
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    secureContext: contextOf(settings),
    rejectUnauthorized: settings.disableSSLVerification !== true,
  });
  return await new Promise<TLSSocket>((resolve, reject) => {
    const onError = (error: Error): void => {
      tls.destroy();
      reject(tlsError(error));
    };
    const onClose = (): void => onError(new Error('closed'));
    tls.once('error', onError).once('close', onClose);
    tls.once('secureConnect', () => {
      tls.off('error', onError).off('close', onClose);
      resolve(tls);
    });
  });
}

/** What a check says of TLS that was spoken. */
export const securedWords = ({ disableSSLVerification }: TlsSettings): string =>
  `The server speaks TLS; its certificate ${disableSSLVerification === true ? 'was not looked at' : 'is trusted'}.`;

const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
]);

/** What an error of a TLS socket means to whoever configured it. */
export function tlsError(error: Error): ConnectorError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const misconfigured = (message: string): ConnectorError => new ConnectorError('misconfigured', message, { cause: error });
  if (UNTRUSTED.has(code)) return misconfigured(`The server's certificate is not trusted (${code}): set caCertificate to its authority.`);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return misconfigured("The server's certificate is for another name: change host.");
  if (code.startsWith('CERT_')) return misconfigured(`The server's certificate is not valid (${code}).`);
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE)$/.test(code))
    return misconfigured('The server does not speak TLS on this port: check protocol and port.');
  if (/^ERR_SSL_.*ALERT_.*CERTIFICATE|^ERR_SSL_.*ALERT_(UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)|ALERT_HANDSHAKE_FAILURE$/.test(code))
    return new ConnectorError('unauthorized', `The server refuses the client certificate (${code}): check privateKey and certificate.`, {
      cause: error,
    });
  return new ConnectorError('lost', `The TLS connection failed${code === '' ? '' : ` (${code})`}.`, { cause: error });
}
