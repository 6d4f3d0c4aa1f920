import { describe, expect, it } from 'vitest';
import { type HttpCredential, type ResolvedConfig, upgradeOf, uriMatches } from './authentication.ts';

const made = (config: Partial<ResolvedConfig>) => upgradeOf({ url: 'wss://api.example/feed?x=%20a', ...config });
const credential = (over: Partial<HttpCredential>): { credential: HttpCredential } => ({
  credential: { authMethod: 'header', uriMatch: 'wss://api.example/', publicValue: 'X-Key', secretValue: 's3cret', ...over },
});

describe('the address a credential is for', () => {
  it.each([
    ['wss://api.example/feed', true],
    ['wss://api.example/fe', true],
    ['wss://api.example', true],
    ['wss://api.example:443/feed', true],
    ['ws://api.example/feed', false],
    ['wss://api.example:444/feed', false],
    ['wss://api.example.evil/feed', false],
    ['wss://api.exam', false],
    ['wss://api.example/other', false],
    ['not a url', false],
  ])('%s: %s', (uriMatch, expected) => {
    expect(uriMatches(uriMatch, new URL('wss://api.example/feed?x=1'))).toBe(expected);
  });

  it('sees through a user name that looks like the host', () => {
    expect(uriMatches('wss://api.example/', new URL('wss://api.example@evil.example/'))).toBe(false);
  });

  it('keeps a credential from any other', () => {
    expect(() => made(credential({ uriMatch: 'wss://other.example/' }))).toThrow(/credential is for another address/);
  });
});

describe('what authenticates an upgrade', () => {
  it('is a header of the credential', () => {
    expect(made({ ...credential({}), headers: [{ headerKey: 'X-Own', headerValue: '1' }] }).headers).toEqual({
      'X-Own': '1',
      'X-Key': 's3cret',
    });
  });

  it('is a query parameter behind those that are there, which stay as they were written', () => {
    expect(made(credential({ authMethod: 'queryParam', publicValue: 'api key', secretValue: 'a&b' })).url.href).toBe(
      'wss://api.example/feed?x=%20a&api%20key=a%26b',
    );
  });

  it('is Basic, inline without a user name too', () => {
    expect(made({ password: 'pw' }).headers).toEqual({ Authorization: `Basic ${btoa(':pw')}` });
    expect(made(credential({ authMethod: 'basicAuth', publicValue: 'u', secretValue: 'pw' })).headers).toEqual({
      Authorization: `Basic ${btoa('u:pw')}`,
    });
  });

  it('is a client certificate, over TLS only', () => {
    const own = credential({ authMethod: 'clientCertificate', publicValue: 'CERT', secretValue: 'KEY' });
    expect(made({ ...own, caCertificate: 'CA' }).tls).toMatchObject({ certificate: 'CERT', privateKey: 'KEY', caCertificate: 'CA' });
    own.credential = { ...own.credential, uriMatch: 'ws://api.example/' };
    expect(() => made({ ...own, url: 'ws://api.example/' })).toThrow(/must begin with wss/);
  });

  it.each([
    ['a header that is set twice', { ...credential({}), headers: [{ headerKey: 'x-key', headerValue: '1' }] }],
    ['Authorization beside Basic', { password: 'pw', headers: [{ headerKey: 'authorization', headerValue: 'Bearer s3cret' }] }],
    ['a query parameter that is there', credential({ authMethod: 'queryParam', publicValue: 'x' })],
    ['subprotocols that are no list', { headers: [{ headerKey: 'Sec-WebSocket-Protocol', headerValue: 's3cret s3cret' }] }],
    ['a header of the upgrade itself', credential({ publicValue: 'Sec-WebSocket-Key' })],
    ['a header that would begin a second one', credential({ secretValue: 's3cret\r\nX-Other: 1' })],
  ])('is refused for %s, without quoting a secret', (_, config) => {
    let refused: unknown;
    try {
      made(config);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ name: 'ConnectorError', code: 'misconfigured' });
    expect(String(refused)).not.toContain('s3cret');
  });
});
