import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { CredentialState } from '#lib/contracts';
import { parseAllow } from '#lib/egress';
import { seal, SecretKeys } from '#lib/secrets';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ran } from '../../../../test/builders/ran.ts';
import { APPLICATION, node, triggered, workflow } from '../../../../test/builders/runs.ts';
import { type Certificates, makeCertificates } from '../../../../test/servers/certificates.ts';
import { startHttpServer, type TestHttpServer } from '../../../../test/servers/http.ts';
import { MASTER_KEY } from '../../../../test/servers/master-key.ts';
import type { HttpCall } from '../engine/http.ts';
import type { RunResult } from '../engine/index.ts';
import { HttpClient } from './client.ts';
import { httpCredentials } from './credentials.ts';

let certificates: Certificates;
let plain: TestHttpServer;
let other: TestHttpServer;
let secure: TestHttpServer;
let strict: TestHttpServer;
let client: HttpClient;
const credentials = new Map<string, CredentialState>();
const { key } = new SecretKeys(MASTER_KEY).newDataKey(APPLICATION);
const egress = parseAllow('loopback');

beforeAll(async () => {
  certificates = makeCertificates();
  [plain, other, secure, strict] = await Promise.all([
    startHttpServer(),
    startHttpServer(),
    startHttpServer({ tls: certificates }),
    startHttpServer({ tls: certificates, clientCertificate: true }),
  ]);
  client = new HttpClient({ egress, credential: httpCredentials((_, name) => credentials.get(name), { of: async () => key }) });
});
afterAll(async () => {
  client.close();
  await Promise.all([plain.stop(), other.stop(), secure.stop(), strict.stop()]);
});
beforeEach(() => {
  for (const { requests } of [plain, other, secure, strict]) requests.length = 0;
});

interface Requested {
  readonly response: Record<string, unknown> | undefined;
  readonly failure: unknown;
  readonly error: RunResult['error'];
  /** Everything that anybody sees of the run. */
  readonly all: string;
}

/** Runs an Http node; `data.message` is 21.5. */
async function requested(config: Record<string, unknown>, within = client): Promise<Requested> {
  const flow = workflow([
    node('h', 'HttpNode', { responsePath: 'working.response', ...config }, ['see']),
    node('see', 'DebugNode', { property: 'working' }),
  ]);
  const { result, debug } = await ran(flow, {
    http: (call) => within.call(call),
    event: triggered({ body: Buffer.from('21.5') }),
  });
  const working = debug[0]?.payload as { response?: Record<string, unknown>; failure?: unknown } | undefined;
  return { response: working?.response, failure: working?.failure, error: result.error, all: JSON.stringify([result, debug]) };
}
const text = expect.any(String) as string;

function credential(name: string, uriMatch: string, config: Record<string, unknown>, changes: Partial<CredentialState> = {}): void {
  const { secretValue, ...open } = config as { secretValue: string };
  const id = 'c'.repeat(24);
  credentials.set(name, {
    id,
    applicationId: APPLICATION,
    name,
    enabled: true,
    type: 'http',
    config: {
      uriMatch,
      ...open,
      secretValue: seal(key, secretValue, { applicationId: APPLICATION, resourceId: id, field: 'secretValue' }),
    },
    creationDate: '2026-01-01T00:00:00.000Z',
    lastUpdated: '2026-01-01T00:00:00.000Z',
    ...changes,
  });
}

/** A request of an application, without a node. */
const call = (uri: string, changes: Partial<HttpCall> = {}): HttpCall => ({
  id: 'run:h:0',
  applicationId: APPLICATION,
  method: 'GET',
  uri,
  headers: {},
  auth: { kind: 'none' },
  verify: true,
  followRedirects: true,
  timeoutMs: 30_000,
  abandoned: () => false,
  ...changes,
});

describe('an HTTP request', () => {
  it('is made as its templates say; the answer is at the path', async () => {
    plain.on('/a/21.5', (_, response) => response.writeHead(201, { 'x-a': '1', 'content-type': 'text/plain' }).end('{"n": [1]}'));
    const { response, error } = await requested({
      uriTemplate: `${plain.url}/a/{{data.message}}?q=1`,
      headerInfo: [
        { key: 'X-Reading', valueTemplate: '{{data.message}}' },
        { key: 'Content-Length', valueTemplate: '999' },
      ],
      bodyTemplate: 'not sent with GET',
    });
    expect(error).toBeUndefined();
    expect(plain.requests).toEqual([
      {
        method: 'GET',
        url: '/a/21.5?q=1',
        body: '',
        headers: expect.objectContaining({ 'x-reading': '21.5', host: plain.url.slice(7) }) as unknown,
      },
    ]);
    expect(plain.requests[0]?.headers).not.toHaveProperty('content-length');
    expect(response).toEqual({
      statusCode: 201,
      headers: expect.objectContaining({ 'x-a': '1' }) as unknown,
      body: { n: [1] },
      requestDuration: expect.any(Number) as number,
      request: { method: 'GET', uri: `${plain.url}/a/21.5?q=1`, headers: { 'x-reading': '21.5' } },
    });
  });

  it('has an answer whatever its status', async () => {
    plain.on('/gone', (_, response) => response.writeHead(500).end('<no>'));
    expect((await requested({ uriTemplate: `${plain.url}/gone` })).response).toMatchObject({ statusCode: 500, body: '<no>' });
    plain.on('/nothing', (_, response) => response.writeHead(204).end());
    expect((await requested({ uriTemplate: `${plain.url}/nothing`, method: 'HEAD' })).response).toMatchObject({
      statusCode: 204,
      body: '',
    });
  });

  it.each<[Record<string, unknown>, string, string | undefined]>([
    [{ bodyTemplate: 't={{data.message}}' }, 't=21.5', undefined],
    [{ bodyTemplate: 'AP8=', requestEncodingTemplate: 'base64' }, '\u0000\u00ff', undefined],
    [{ bodyType: 'jsonTemplate', bodyTemplate: '{"t": {{data.message}}}' }, '{"t":21.5}', 'application/json'],
    [
      { bodyType: 'urlencoded', bodyFields: [{ keyTemplate: 'a b', valueTemplate: '{{data.message}}&' }] },
      'a+b=21.5%26',
      'application/x-www-form-urlencoded',
    ],
    [{ bodyType: 'none', bodyTemplate: 'x' }, '', undefined],
    [{ bodyType: 'diskPath', bodyTemplate: '/etc/passwd' }, '/etc/passwd', undefined],
    [
      { bodyType: 'jsonTemplate', bodyTemplate: '1', headerInfo: [{ key: 'content-type', valueTemplate: 'application/x-mine' }] },
      '1',
      'application/x-mine',
    ],
  ])('has a body: %j', async (config, body, type) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      plain.requests.length = 0;
      expect((await requested({ uriTemplate: plain.url, method, ...config })).error).toBeUndefined();
      expect(plain.requests[0]).toMatchObject({ method, body });
      expect(plain.requests[0]?.headers['content-type']).toBe(type);
    }
  });

  it('has a form of many parts as its body', async () => {
    await requested({
      uriTemplate: plain.url,
      method: 'POST',
      bodyType: 'multipart',
      bodyFields: [{ keyTemplate: 'a', valueTemplate: 'x{{data.message}}' }],
    });
    const [{ headers, body } = { headers: {}, body: '' }] = plain.requests;
    const form = await new Response(body, { headers: { 'content-type': headers['content-type'] ?? '' } }).formData();
    expect([...form]).toEqual([['a', 'x21.5']]);
  });

  it('has what stands at an address as its body', async () => {
    plain.on('/file', (_, response) => response.setHeader('content-type', 'image/x').end(Buffer.from([0, 255])));
    plain.on('/missing', (_, response) => response.writeHead(404).end());
    const config = { uriTemplate: other.url, method: 'POST', bodyType: 'url', headerInfo: [{ key: 'x-own', valueTemplate: '1' }] };
    await requested({ ...config, bodyTemplate: `${plain.url}/file` });
    expect(other.requests[0]).toMatchObject({ body: '\u0000\u00ff', headers: { 'content-type': 'image/x' } });
    expect(plain.requests[0]?.headers).not.toHaveProperty('x-own');
    expect((await requested({ ...config, bodyTemplate: `${plain.url}/missing` })).error).toMatchObject({
      name: 'BodyNotFound',
      nodeId: 'h',
    });
  });

  it('gives the answer as text in the encoding that is asked for', async () => {
    plain.on('/bytes', (_, response) => response.end(Buffer.from([0x31, 0xff])));
    const answer = async (encodingTemplate: string): Promise<unknown> =>
      (await requested({ uriTemplate: `${plain.url}/bytes`, encodingTemplate })).response?.['body'];
    expect(await answer('hex')).toBe('31ff');
    expect(await answer('base64')).toBe('Mf8=');
    expect(await answer('latin1')).toBe('1ÿ');
    expect(await answer('')).toBe('1\ufffd');
  });

  it.each([
    ['gzip', gzipSync],
    ['X-GZip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', (bytes: Buffer) => bytes],
  ])('takes a compressed answer and gives it as it was: %s', async (coding, compress) => {
    plain.on('/small', (_, response) => response.writeHead(200, { 'content-encoding': coding }).end(compress(Buffer.from('{"a": 1}'))));
    expect((await requested({ uriTemplate: `${plain.url}/small` })).response).toMatchObject({ statusCode: 200, body: { a: 1 } });
    expect(plain.requests[0]?.headers['accept-encoding']).toBe('gzip, deflate, br');
    expect((await requested({ uriTemplate: `${plain.url}/small`, method: 'HEAD' })).response).toMatchObject({ body: '' });
    const headerInfo = [{ key: 'Accept-Encoding', valueTemplate: 'identity' }];
    await requested({ uriTemplate: `${plain.url}/small`, headerInfo });
    expect(plain.requests[2]?.headers['accept-encoding']).toBe('identity');
  });

  it.each([
    [{ uriTemplate: '{{nothing}}' }, 'RequiredTemplate', 'uriTemplate came out empty'],
    [{ uriTemplate: 'ftp://x/' }, 'InvalidUri', text],
    [{ uriTemplate: '/relative' }, 'InvalidUri', text],
    [{ uriTemplate: 'http://x/', timeoutTemplate: 'soon' }, 'InvalidTimeout', 'timeoutTemplate must come out as a number of seconds'],
    [{ uriTemplate: 'http://x/', encodingTemplate: 'rot13' }, 'InvalidEncoding', text],
    [{ uriTemplate: 'http://x/', method: 'POST', bodyType: 'jsonTemplate', bodyTemplate: '{' }, 'InvalidJsonTemplate', text],
    [{ uriTemplate: 'http://x/', headerInfo: [{ key: 'a', valueTemplate: '\n' }] }, 'InvalidHeader', text],
    [{ uriTemplate: 'http://x/', headerInfo: [{ key: 'a b' }] }, 'InvalidNode', "headerInfo.0.key: must be a header's name"],
    [{ uriTemplate: 'http://x/', method: 'TRACE' }, 'InvalidNode', text],
    [{ uriTemplate: 'http://x/', errorBehavior: 'payloadPath' }, 'InvalidNode', 'errorPath: is required'],
  ])('throws for what can not be asked, even where errors go into the payload: %j', async (config, name, message) => {
    const given = 'errorBehavior' in config ? config : { errorBehavior: 'payloadPath', errorPath: 'working.failure', ...config };
    expect((await requested(given)).error).toEqual({ name, message, nodeId: 'h', nodeType: 'HttpNode' });
  });
});

describe('a request without an answer', () => {
  /** The run's error, and what is at the path when it goes there. */
  const failing = async (config: Record<string, unknown>): Promise<unknown> => {
    const { error } = await requested(config);
    const { failure, error: none } = await requested({ ...config, errorBehavior: 'payloadPath', errorPath: 'working.failure' });
    return { error, failure, none };
  };
  const both = (name: string, message: string = text): unknown => {
    const error = { name, message, nodeId: 'h', nodeType: 'HttpNode' };
    return { error, failure: error, none: undefined };
  };

  it('is an error that throws, or goes to a path: refused, cut off, unknown, unanswered', async () => {
    const gone = await startHttpServer();
    await gone.stop();
    expect(await failing({ uriTemplate: gone.url })).toEqual(both('HttpConnection', 'the connection failed (ECONNREFUSED)'));
    plain.on('/cut', (request) => request.socket.destroy());
    expect(await failing({ uriTemplate: `${plain.url}/cut` })).toEqual(both('HttpConnection', 'the connection failed (ECONNRESET)'));
    expect(await failing({ uriTemplate: 'http://no-such-host.invalid/' })).toEqual(
      both('HostNotFound', 'no-such-host.invalid has no address.'),
    );
    plain.on('/never', () => undefined);
    expect(await failing({ uriTemplate: `${plain.url}/never`, timeoutTemplate: '0.05' })).toEqual(
      both('HttpTimeout', 'there was no answer within 0.05 s'),
    );
  });

  it('may take 30 s, whatever it asks for', async () => {
    const asked: number[] = [];
    const flow = (timeoutTemplate: string): ReturnType<typeof workflow> =>
      workflow([node('h', 'HttpNode', { uriTemplate: 'http://x/', timeoutTemplate })]);
    for (const timeout of ['', '5', '31', '9999'])
      await ran(flow(timeout), { http: async (call) => Promise.reject(new Error(String(asked.push(call.timeoutMs)))) });
    expect(asked).toEqual([30_000, 5_000, 30_000, 30_000]);
  });

  it('is one whose answer is larger than 5 MB, compressed or not, or broken, or stops in the middle', async () => {
    plain.on('/large', (_, response) => response.end(Buffer.alloc(5 * 1024 * 1024 + 1, 'x')));
    expect(await failing({ uriTemplate: `${plain.url}/large` })).toEqual(both('ResponseTooLarge'));
    const zeros = Buffer.alloc(16 * 1024 * 1024);
    for (const [coding, bomb] of [
      ['gzip', gzipSync(zeros)],
      ['deflate', deflateSync(zeros)],
      ['br', brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
    ] as const) {
      plain.on('/bomb', (_, response) => response.writeHead(200, { 'content-encoding': coding }).end(bomb));
      expect(await failing({ uriTemplate: `${plain.url}/bomb` })).toEqual(both('ResponseTooLarge'));
    }
    plain.on('/broken', (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'));
    expect(await failing({ uriTemplate: `${plain.url}/broken` })).toEqual(both('InvalidResponse'));
    plain.on('/half', (request, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('half');
      setTimeout(() => request.socket.destroy(), 5);
    });
    expect(await failing({ uriTemplate: `${plain.url}/half` })).toEqual(both('HttpConnection'));
  });

  it('is one to a place that the operator does not allow, before anything is dialled, and after a redirect', async () => {
    const guarded = new HttpClient({ egress: parseAllow(''), credential: () => Promise.reject(new Error('none')) });
    const before = plain.connections;
    expect((await requested({ uriTemplate: plain.url }, guarded)).error).toMatchObject({ name: 'EgressForbidden' });
    expect(plain.connections).toBe(before);
    guarded.close();
    plain.on('/away', (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end());
    expect(await failing({ uriTemplate: `${plain.url}/away` })).toEqual(
      both('EgressForbidden', expect.stringContaining('a metadata service') as string),
    );
  });

  it('names no secret', async () => {
    const gone = await startHttpServer();
    await gone.stop();
    const { all } = await requested({
      uriTemplate: gone.url.replace('http://', 'http://user:canary@'),
      headerInfo: [{ key: 'Authorization', valueTemplate: 'canary' }],
      errorBehavior: 'payloadPath',
      errorPath: 'working.failure',
    });
    expect(all).toContain('ECONNREFUSED');
    expect(all).not.toContain('canary');
  });
});

describe('a redirect', () => {
  it('is followed, over hosts too, without what only the first may know', async () => {
    plain.on('/from', (_, response) => response.writeHead(302, { location: `${other.url}/to` }).end());
    const { response } = await requested({
      uriTemplate: `${plain.url}/from`,
      authType: 'basic',
      authCredentials: { usernameTemplate: 'u', passwordTemplate: 'p' },
      headerInfo: [
        { key: 'Cookie', valueTemplate: 'canary' },
        { key: 'X-Mine', valueTemplate: '1' },
      ],
    });
    expect(response).toMatchObject({ statusCode: 200, body: { ok: true }, request: { uri: `${plain.url}/from` } });
    expect(plain.requests[0]?.headers).toMatchObject({ authorization: `Basic ${btoa('u:p')}`, cookie: 'canary' });
    expect(other.requests[0]).toMatchObject({ url: '/to', headers: { 'x-mine': '1', host: other.url.slice(7) } });
    expect(other.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(other.requests[0]?.headers).not.toHaveProperty('cookie');
  });

  it.each([
    [301, 'GET', ''],
    [302, 'GET', ''],
    [303, 'GET', ''],
    [307, 'POST', 'b'],
    [308, 'POST', 'b'],
  ])('with status %i makes a POST a %s', async (status, method, body) => {
    plain.on('/post', (_, response) => response.writeHead(status, { location: '/then' }).end());
    await requested({
      uriTemplate: `${plain.url}/post`,
      method: 'POST',
      bodyTemplate: 'b',
      headerInfo: [{ key: 'content-type', valueTemplate: 'x/y' }],
    });
    expect(plain.requests[1]).toMatchObject({ method, url: '/then', body });
    expect(plain.requests[1]?.headers['content-type']).toBe(body === '' ? undefined : 'x/y');
  });

  it('is the answer where redirects are switched off', async () => {
    plain.on('/from', (_, response) => response.writeHead(302, { location: '/to' }).end());
    expect((await requested({ uriTemplate: `${plain.url}/from`, disableRedirects: true })).response).toMatchObject({ statusCode: 302 });
    expect(plain.requests).toHaveLength(1);
  });

  it('is followed ten times, and never to another protocol', async () => {
    plain.on('/round', (_, response) => response.writeHead(302, { location: '/round' }).end());
    expect((await requested({ uriTemplate: `${plain.url}/round` })).error).toMatchObject({ name: 'TooManyRedirects' });
    expect(plain.requests).toHaveLength(11);
    plain.on('/file', (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end());
    expect((await requested({ uriTemplate: `${plain.url}/file` })).error).toMatchObject({ name: 'InvalidRedirect' });
  });
});

describe('TLS', () => {
  it('trusts the authority that is given, and nobody when none is, unless it is told not to look', async () => {
    expect((await requested({ uriTemplate: secure.url })).error).toMatchObject({
      name: 'HttpTls',
      message: expect.stringContaining('not trusted') as string,
    });
    expect((await requested({ uriTemplate: secure.url, caCertTemplate: certificates.ca })).response).toMatchObject({ statusCode: 200 });
    expect((await requested({ uriTemplate: secure.url, disableSSLVerification: true })).response).toMatchObject({ statusCode: 200 });
  });

  it('shows a client certificate, and says when the server wants one', async () => {
    const common = { uriTemplate: strict.url, caCertTemplate: certificates.ca };
    const { key: keyTemplate, certificate: certTemplate } = certificates.client;
    const shown = await requested({ ...common, authType: 'clientCert', authCredentials: { keyTemplate, certTemplate } });
    expect(shown.response).toMatchObject({ statusCode: 200 });
    expect((await requested(common)).error).toMatchObject({ name: 'HttpTls' });
    const wrong = await requested({ ...common, authType: 'clientCert', authCredentials: { keyTemplate: 'canary', certTemplate } });
    expect(wrong.error).toMatchObject({ name: 'InvalidCertificate' });
    expect(wrong.all).not.toContain('canary');
    expect((await requested({ ...common, authType: 'clientCert' })).error).toMatchObject({
      name: 'RequiredTemplate',
      message: expect.stringContaining('authCredentials.keyTemplate') as string,
    });
  });
});

describe('authentication', () => {
  it('tells user and password, of the node or the address, and repeats them nowhere', async () => {
    const authCredentials = { usernameTemplate: 'u{{data.message}}', passwordTemplate: 'canary' };
    const node = await requested({ uriTemplate: plain.url, authType: 'basic', authCredentials });
    const address = await requested({ uriTemplate: plain.url.replace('http://', 'http://u:can%61ry@') });
    expect(plain.requests.map(({ headers }) => headers.authorization)).toEqual([
      `Basic ${btoa('u21.5:canary')}`,
      `Basic ${btoa('u:canary')}`,
    ]);
    expect(address.response?.['request']).toEqual({ method: 'GET', uri: `${plain.url}/`, headers: {} });
    expect(node.all + address.all).not.toMatch(/canary|can%61ry|Basic/);
  });

  it('of the author goes out, and is not repeated in the payload', async () => {
    const headerInfo = ['Authorization', 'Cookie', 'X-Api-Key'].map((key) => ({ key, valueTemplate: 'canary' }));
    const { response, all } = await requested({ uriTemplate: plain.url, headerInfo });
    expect(plain.requests[0]?.headers).toMatchObject({ authorization: 'canary', cookie: 'canary', 'x-api-key': 'canary' });
    expect(response).toMatchObject({ statusCode: 200, request: { headers: {} } });
    expect(all).not.toContain('canary');
  });

  it.each<[Record<string, unknown>, (url: string, headers: Record<string, unknown>) => unknown, unknown]>([
    [{ authMethod: 'header', publicValue: 'X-Api', secretValue: 'canary' }, (_, headers) => headers['x-api'], 'canary'],
    [{ authMethod: 'queryParam', publicValue: 'api', secretValue: 'canary&' }, (url) => url, '/v1/things?a=1&api=canary%26'],
    [
      { authMethod: 'basicAuth', publicValue: 'u', secretValue: 'canary' },
      (_, headers) => headers['authorization'],
      `Basic ${btoa('u:canary')}`,
    ],
  ])('uses a service credential: %j', async (config, told, secret) => {
    credential('api', `${plain.url}/v1`, config);
    const { response, all } = await requested({ uriTemplate: '/things?a=1', authType: 'credential', credentialNameTemplate: 'api' });
    expect(response).toMatchObject({ statusCode: 200, request: { uri: `${plain.url}/v1/things?a=1` } });
    expect(told(plain.requests[0]?.url ?? '', plain.requests[0]?.headers ?? {})).toBe(secret);
    expect(all).not.toContain('canary');
  });

  it('uses a service credential that is a client certificate', async () => {
    const { key: secretValue, certificate: publicValue } = certificates.client;
    credential('mine', strict.url, { authMethod: 'clientCertificate', publicValue, secretValue });
    const { response } = await requested({
      uriTemplate: '/',
      authType: 'credential',
      credentialNameTemplate: 'mine',
      caCertTemplate: certificates.ca,
    });
    expect(response).toMatchObject({ statusCode: 200 });
  });

  it('keeps a service credential from every other address, and from where it is redirected to', async () => {
    credential('api', `${plain.url}/v1`, { authMethod: 'header', publicValue: 'x-api', secretValue: 'canary' });
    const use = (uriTemplate: string): Promise<Requested> =>
      requested({ uriTemplate, authType: 'credential', credentialNameTemplate: 'api' });
    for (const uri of [other.url, `${plain.url}/v2`, '/../v2', plain.url.replace('http:', 'https:')])
      expect((await use(uri)).error).toMatchObject({ name: 'CredentialMismatch' });
    expect([...other.requests, ...plain.requests]).toEqual([]);
    await use('@evil.test');
    expect(plain.requests.map(({ url }) => url)).toEqual(['/v1/@evil.test']);
    plain.on('/v1/away', (_, response) => response.writeHead(307, { location: `${other.url}/v1` }).end());
    await use('/away');
    expect(other.requests[0]?.headers).not.toHaveProperty('x-api');
  });

  it('says of a service credential why it can not be used', async () => {
    credential('off', plain.url, { authMethod: 'header', publicValue: 'a', secretValue: 'canary' }, { enabled: false });
    credential('aws', plain.url, { secretValue: 'canary' }, { type: 'aws' });
    credential('foreign', plain.url, { authMethod: 'header', publicValue: 'a', secretValue: 'canary' }, { id: 'd'.repeat(24) });
    const refusal = async (name: string): Promise<unknown> =>
      (
        await requested({
          uriTemplate: '/',
          authType: 'credential',
          credentialNameTemplate: name,
          errorBehavior: 'payloadPath',
          errorPath: 'working.failure',
        })
      ).error;
    const notUsable = (message: string): unknown => ({ name: 'CredentialNotUsable', message: expect.stringContaining(message) as string });
    expect(await refusal('none')).toMatchObject(notUsable('names no credential of this application') as object);
    expect(await refusal('off')).toMatchObject(notUsable('the credential off is disabled') as object);
    expect(await refusal('aws')).toMatchObject(notUsable('is of the type aws: an HTTP node needs one of the type http') as object);
    expect(await refusal('foreign')).toMatchObject(notUsable('cannot be opened') as object);
  });
});

describe('a connection', () => {
  const clients: HttpClient[] = [];
  const keeping = (idleMs: number, policy = egress): HttpClient => {
    const made = new HttpClient({ egress: policy, credential: () => Promise.reject(new Error('none')), idleMs });
    clients.push(made);
    return made;
  };
  afterEach(() => clients.splice(0).forEach((made) => made.close()));
  /** How many connections the server gets while that goes on. */
  const made = async (server: TestHttpServer, work: () => Promise<unknown>): Promise<number> => {
    const before = server.connections;
    await work();
    return server.connections - before;
  };

  it('is kept for the next requests of the same kind, redirects too', async () => {
    const own = keeping(60_000);
    plain.on('/from', (_, response) => response.writeHead(302, { location: '/to' }).end('moved'));
    plain.on('/post', (_, response) => response.writeHead(201).end('x'.repeat(100_000)));
    const several = async (): Promise<void> => {
      for (const path of ['', '/from', '/post', ''])
        await own.call(call(plain.url + path, { method: path === '/post' ? 'POST' : 'GET', body: Buffer.from('b') }));
    };
    expect(await made(plain, several)).toBe(1);
    const tls = { caCertificate: certificates.ca };
    const secured = async (): Promise<void> => {
      for (let n = 0; n < 3; n++) expect((await own.call(call(secure.url, tls))).statusCode).toBe(200);
    };
    expect(await made(secure, secured)).toBe(1);
  });

  it('serves no other application, authority or client certificate', async () => {
    const own = keeping(60_000);
    const { ca: caCertificate } = certificates;
    const { key: keyOfClient, certificate } = certificates.client;
    const clientCert = { caCertificate, auth: { kind: 'clientCert', key: keyOfClient, certificate } } as const;
    const ways: Partial<HttpCall>[] = [{ verify: false }, { caCertificate }, { applicationId: 'another', caCertificate }];
    const all = async (): Promise<void> => {
      for (const way of ways) await own.call(call(secure.url, way));
      await expect(own.call(call(secure.url))).rejects.toMatchObject({ name: 'HttpTls' });
    };
    expect(await made(secure, all)).toBe(4);
    expect((await own.call(call(strict.url, clientCert))).statusCode).toBe(200);
    await expect(own.call(call(strict.url, { caCertificate }))).rejects.toMatchObject({ name: 'HttpTls' });
  });

  it('that the server gave up meanwhile costs a request that may be repeated nothing', async () => {
    const own = keeping(60_000);
    let cut = false;
    plain.on('/stale', (request, response) => (cut ? request.socket.destroy() : response.end()));
    await own.call(call(`${plain.url}/stale`));
    cut = true;
    await expect(own.call(call(`${plain.url}/stale`))).rejects.toMatchObject({ name: 'HttpConnection' });
    expect(plain.requests).toHaveLength(3); // on the kept connection, and on one of its own
    cut = false;
    await own.call(call(`${plain.url}/stale`));
    cut = true;
    await expect(own.call(call(`${plain.url}/stale`, { method: 'POST' }))).rejects.toMatchObject({ name: 'HttpConnection' });
    expect(plain.requests).toHaveLength(5);
  });

  it('is kept by the policy that let it be dialled only, and for a moment only', async () => {
    const own = keeping(50);
    let ended = false;
    plain.on('/watched', (request, response) => {
      request.socket.once('close', () => (ended = true));
      response.end();
    });
    await own.call(call(`${plain.url}/watched`));
    await expect(keeping(50, parseAllow('')).call(call(`${plain.url}/watched`))).rejects.toMatchObject({ name: 'EgressForbidden' });
    await expect.poll(() => ended).toBe(true);
  });
});

describe('many requests', () => {
  it('to a host that fails are not made for a while; those of other applications and to other hosts are', async () => {
    const own = new HttpClient({ egress, credential: () => Promise.reject(new Error('none')) });
    const gone = await startHttpServer();
    await gone.stop();
    for (let n = 0; n < 20; n++) expect((await requested({ uriTemplate: gone.url }, own)).error).toMatchObject({ name: 'HttpConnection' });
    expect((await requested({ uriTemplate: gone.url }, own)).error).toMatchObject({ name: 'CircuitOpen' });
    expect((await requested({ uriTemplate: plain.url }, own)).error).toBeUndefined();
    await expect(own.call(call(gone.url, { applicationId: 'another' }))).rejects.toMatchObject({ name: 'HttpConnection' });
    own.close();
  });

  it('of one application are under way 32 at a time', async () => {
    const waiting: (() => void)[] = [];
    plain.on('/wait', (_, response) => void waiting.push(() => response.end()));
    const calls = Array.from({ length: 40 }, () => client.call(call(`${plain.url}/wait`)));
    await expect.poll(() => waiting.length).toBe(32);
    const others = client.call(call(plain.url, { applicationId: 'another' }));
    expect((await others).statusCode).toBe(200);
    expect(waiting).toHaveLength(32);
    while (waiting.length > 0) waiting.pop()?.();
    await expect.poll(() => waiting.length).toBe(8);
    for (const go of waiting) go();
    expect((await Promise.all(calls)).map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 40 }, () => 200));
  });

  it('end when the service stops, and fail no run by that', async () => {
    const own = new HttpClient({ egress, credential: () => Promise.reject(new Error('none')) });
    let closed = false;
    plain.on('/never', (request) => void request.socket.once('close', () => (closed = true)));
    let ended = false;
    void requested({ uriTemplate: `${plain.url}/never` }, own).then(() => (ended = true));
    await expect.poll(() => plain.requests.length).toBe(1);
    own.close();
    await expect.poll(() => closed).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(false);
  });
});
