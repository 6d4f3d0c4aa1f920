import type { Definition } from '#lib/connector-sdk';
import { z } from 'zod';
import { MASK, Rules, flag, has, hostOfUrl, isTemplate, pem, text } from '../fields.ts';

const Header = z.strictObject({
  headerKey: text(1, 1024, { title: 'Name' }).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be the name of an HTTP header'),
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

const PASSWORD = ['username', 'password'];
const CERTIFICATE = ['privateKey', 'certificate'];

/** Headers of the upgrade itself. */
const RESERVED = /^(host|connection|upgrade|content-length|transfer-encoding|sec-websocket-.*)$/;

function headerRules(rules: Rules, config: Readonly<Record<string, unknown>>): void {
  const seen = new Set<string>();
  for (const [index, header] of ((config['headers'] ?? []) as z.output<typeof Header>[]).entries()) {
    const name = header.headerKey.toLowerCase();
    const at = ['headers', index, 'headerKey'];
    if (RESERVED.test(name)) rules.refuse(at, 'belongs to the connection itself and cannot be set');
    if (name === 'authorization' && has(config, ...PASSWORD))
      rules.refuse(at, 'clashes with username and password, which make the header Authorization');
    if (seen.has(name)) rules.refuse(at, 'repeats the header of an earlier entry');
    seen.add(name);
    // eslint-disable-next-line no-control-regex
    if (header.headerValue !== MASK && /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(header.headerValue))
      rules.refuse(['headers', index, 'headerValue'], 'must have only characters that an HTTP header may have');
  }
}

function urlRules(rules: Rules, config: Readonly<Record<string, unknown>>): void {
  const url = String(config['url']);
  if (!isTemplate(url)) {
    if (!/^wss?:\/\//i.test(url) || hostOfUrl(url, ['ws', 'wss']) === undefined)
      rules.refuse('url', 'must be a URL that begins with ws:// or wss://');
    else {
      const parsed = new URL(url);
      if (parsed.username !== '' || parsed.password !== '')
        rules.refuse('url', 'must not carry a user name or password: use the fields for them');
      if (url.includes('#')) rules.refuse('url', 'must not have a fragment (#)');
    }
  } else if (!/^(wss?:\/\/|\{\{)/i.test(url)) rules.refuse('url', 'must begin with ws://, wss:// or a template');
  if (/^ws:/i.test(url)) rules.none([...CERTIFICATE, 'caCertificate'], 'needs a url that begins with wss://');
}

export const websocket: Definition<WebsocketConfig> = {
  type: 'websocket',
  title: 'WebSocket',
  config: WebsocketConfig,
  capabilities: { delivery: () => 'at-most-once', queue: false, send: true, providerIds: false, topics: false },
  credential: 'http',
  inlineAuthentication: [...PASSWORD, ...CERTIFICATE],
  authentication: (config, credentialName) =>
    credentialName !== undefined
      ? 'credential'
      : has(config, ...CERTIFICATE)
        ? 'certificate'
        : has(config, ...PASSWORD)
          ? 'password'
          : 'none',
  rules({ config, credentialName }) {
    const rules = new Rules('websocketConfig', config);
    urlRules(rules, config);
    if (credentialName !== undefined)
      rules.none([...PASSWORD, ...CERTIFICATE], 'cannot be combined with credentialName: choose one way to authenticate');
    if (has(config, 'username') && !has(config, 'password')) rules.refuse('password', 'is required together with username');
    rules.together(CERTIFICATE);
    if (has(config, ...PASSWORD) && has(config, ...CERTIFICATE))
      rules.none(PASSWORD, 'cannot be combined with a client certificate: choose one way to authenticate');
    if (config['disableSSLVerification'] === true) rules.none(['caCertificate'], 'cannot be combined with disableSSLVerification');
    headerRules(rules, config);
    return rules.issues;
  },
  endpoints({ url }) {
    const host = typeof url === 'string' && !isTemplate(url) ? hostOfUrl(url, ['ws', 'wss']) : undefined;
    return host === undefined ? [] : [{ field: 'url', host }];
  },
};
