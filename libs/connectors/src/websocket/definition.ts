import { isUtf8 } from 'node:buffer';
import type { Definition } from '#lib/connector-sdk';
import type { z } from 'zod';
import { MASK, Rules, has, hostOfUrl, isTemplate } from '../fields.ts';
import { type Header, RESERVED_HEADER, SUBPROTOCOLS, WebsocketConfig, WebsocketSend, subprotocolsOf } from './config.ts';

/** Close codes (RFC 6455 §7.4.1): of an end that we wanted, and of one without a close frame. */
const CLOSED_NORMALLY = 1000;
const CLOSED_ABNORMALLY = 1006;

const PASSWORD = ['username', 'password'];
const CERTIFICATE = ['privateKey', 'certificate'];

function headerRules(rules: Rules, config: Readonly<Record<string, unknown>>): void {
  const seen = new Set<string>();
  for (const [index, header] of ((config['headers'] ?? []) as z.output<typeof Header>[]).entries()) {
    const name = header.headerKey.toLowerCase();
    const at = ['headers', index, 'headerKey'];
    if (RESERVED_HEADER.test(name)) rules.refuse(at, 'belongs to the connection itself and cannot be set');
    if (name === 'authorization' && has(config, ...PASSWORD))
      rules.refuse(at, 'clashes with username and password, which make the header Authorization');
    if (seen.has(name)) rules.refuse(at, 'repeats the header of an earlier entry');
    seen.add(name);
    if (name === SUBPROTOCOLS && header.headerValue !== MASK && subprotocolsOf(header.headerValue) === undefined)
      rules.refuse(['headers', index, 'headerValue'], 'must name subprotocols, each once, with commas between them');
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
  capabilities: { delivery: () => 'at-most-once', queue: false, send: true, providerIds: false, topics: false, binary: true },
  credential: 'http',
  credentialIssue({ uriMatch, authMethod, publicValue }, { headers = [] }) {
    if (!/^wss?:/i.test(String(uriMatch))) return 'is for other addresses: its uriMatch must begin with ws:// or wss://';
    const set = authMethod === 'basicAuth' ? 'Authorization' : authMethod === 'header' ? String(publicValue) : undefined;
    const clashes = (headers as z.output<typeof Header>[]).some(({ headerKey }) => headerKey.toLowerCase() === set?.toLowerCase());
    return clashes ? `sets the header ${set}, and so does headers: remove one` : undefined;
  },
  send: WebsocketSend,
  messageData({ attributes: { headers, binary }, body }) {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const { length } = bytes;
    // A text frame should be UTF-8; one that isn't is kept as it came.
    return binary !== true && isUtf8(bytes)
      ? { message: { data: bytes.toString('utf8'), length }, headers }
      : { message: { data: bytes.toString('base64'), length, encoding: 'base64' }, headers };
  },
  endData: ({ reason, deliberate, data }) => ({
    message: { statusCode: data?.['statusCode'] ?? (deliberate ? CLOSED_NORMALLY : CLOSED_ABNORMALLY), reason: data?.['reason'] ?? reason },
  }),
  load: async () => (await import('./provider.ts')).websocketProvider(),
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
