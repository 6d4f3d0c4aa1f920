import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APP, INTEGRATION, startedGateway, type StartedGateway } from '../../../test/harness/gateway.ts';
import { MAX_BODY } from './http/body.ts';

const BASE = `/applications/${APP}`;

let gateway: StartedGateway;
beforeAll(async () => {
  gateway = await startedGateway();
});
afterAll(() => gateway.stop());

interface Bad {
  readonly what: string;
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly type: string;
  readonly says?: string;
}

const post = (what: string, body: unknown, status: number, type: string, headers: Record<string, string> = {}): Bad => ({
  what,
  method: 'POST',
  path: `${BASE}/integrations`,
  body,
  headers,
  status,
  type,
});
const query = (what: string, path: string, says: string): Bad => ({ what, path: BASE + path, status: 400, type: 'Validation', says });
const id = (what: string, path: string): Bad => ({ what, path, status: 404, type: 'NotFound' });
const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

const TABLE: Bad[] = [
  post('malformed JSON', '{"secret": "canary', 400, 'Validation'),
  post('JSON with a trailing comma', '{"a":1,}', 400, 'Validation'),
  post('bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 400, 'Validation'),
  post('a body nested too deep', nested(101), 400, 'Validation'),
  post('a body nested so deep that it cannot be walked', nested(200_000), 400, 'Validation'),
  post('__proto__', '{"__proto__": {"admin": true}}', 400, 'Validation'),
  post('a NUL character', '{"name": "a\\u0000b"}', 400, 'Validation'),
  post('a NUL character in a key', '{"a\\u0000b": 1}', 400, 'Validation'),
  post('half a character', '{"name": "\\ud800"}', 400, 'Validation'),
  post('no body', undefined, 400, 'Validation', { 'content-type': 'application/json' }),
  post('an idempotency key that is too long', {}, 400, 'Validation', { 'idempotency-key': 'k'.repeat(256) }),
  post('plain text', 'name=x', 415, 'UnsupportedMediaType', { 'content-type': 'text/plain' }),
  post('a form', 'name=x', 415, 'UnsupportedMediaType', { 'content-type': 'application/x-www-form-urlencoded' }),
  post('a content type that is none', '{}', 415, 'UnsupportedMediaType', { 'content-type': '///' }),
  post('JSON in another alphabet', '{}', 415, 'UnsupportedMediaType', { 'content-type': 'application/json; charset=utf-16' }),
  post('a compressed body', '{}', 415, 'UnsupportedMediaType', { 'content-encoding': 'gzip' }),
  post('a body that is too large', `"${'x'.repeat(MAX_BODY)}"`, 413, 'TooLarge'),
  {
    what: 'a DELETE with a broken body',
    method: 'DELETE',
    path: `${BASE}/integrations/${INTEGRATION}`,
    body: '{',
    status: 400,
    type: 'Validation',
  },

  query('a page that is no number', '/integrations?page=one', 'page must be a whole number'),
  query('a negative page', '/integrations?page=-1', 'page'),
  query('a page twice', '/integrations?page=1&page=2', 'page'),
  query('perPage 0', '/integrations?perPage=0', 'perPage'),
  query('perPage beyond 1000', '/integrations?perPage=1001', 'perPage'),
  query('perPage with a fraction', '/integrations?perPage=1.5', 'perPage'),
  query('an unknown sort field', '/integrations?sortField=password', 'sortField must be one of'),
  query('an unknown sort direction', '/integrations?sortDirection=up', 'sortDirection'),
  query('an unknown filter field', '/integrations?filterField=topics&filter=x', 'filterField'),
  query('a filter that is too long', `/integrations?filter=${'x'.repeat(1025)}`, 'filter must have at most'),
  query('a NUL character in a filter', '/integrations?filter=%00', 'NUL'),
  query('a flag that is none', `/integrations?page=true`, 'page'),
  query('a trigger filter that is no JSON', '/flows?triggerFilter=%7B', 'triggerFilter'),
  query('a trigger filter of unknown fields', '/flows?triggerFilter[0][name]=x', 'triggerFilter'),
  query('a start that is no time', '/payloadCounts?start=yesterday', 'start'),
  query('an end beyond time', '/payloadCounts?end=9000000000000000', 'end'),
  query('an unknown status of runs', '/runs?status=running', 'status'),
  query('a flow id that is none', '/runs?flowId=x', 'flowId'),
  query('a source id that is none', '/deadLetters?sourceId=*', 'sourceId'),
  query('an unknown kind of activity', '/activity?kind=everything', 'kind'),
  {
    ...query('a flag that is no flag', '', 'includeWorkflows'),
    method: 'DELETE',
    path: `${BASE}/integrations/${INTEGRATION}?includeWorkflows=perhaps`,
  },

  id('an application id that is too short', '/applications/abc'),
  id('an application id with other letters', `/applications/${'g'.repeat(24)}`),
  id('an id with a wildcard', `${BASE}/integrations/*`),
  id('an id with a dot', `${BASE}/integrations/a.b`),
  id('an id with a line break', `${BASE}/integrations/%0d%0a`),
  id('an encoded slash', `${BASE}/integrations/..%2f..%2fetc`),
  id('a very long id', `${BASE}/integrations/${'a'.repeat(5_000)}`),
  id('an empty id', `${BASE}/integrations/`),
  id('a path that is none', '/nowhere'),
  { ...id('a dead letter that is none', `${BASE}/deadLetters/no-such/replay`), method: 'POST' },
  { ...id('a dead letter id that can be none', `${BASE}/deadLetters/%3E/replay`), method: 'POST' },
  { ...id('a method that is none here', `${BASE}/integrations`), method: 'PUT', body: {} },
  { what: 'a broken escape', path: `${BASE}/integrations/%zz`, status: 400, type: 'Validation' },

  { what: 'no token', path: BASE, token: '', status: 401, type: 'Unauthorized' },
  { what: 'an unknown token', path: BASE, token: 'nobody', status: 401, type: 'Unauthorized' },
  { what: 'another scheme', path: BASE, token: '', headers: { authorization: 'Basic YTpi' }, status: 401, type: 'Unauthorized' },
  { what: 'a scheme without a token', path: BASE, token: '', headers: { authorization: 'Bearer ' }, status: 401, type: 'Unauthorized' },
  { what: 'a token in the query', path: `${BASE}?access_token=app`, token: '', status: 401, type: 'Unauthorized' },
  { ...post('a broken body of somebody unknown', '{', 401, 'Unauthorized'), token: 'nobody' },
  { ...post('a large body of somebody unknown', `"${'x'.repeat(2 * MAX_BODY)}"`, 401, 'Unauthorized'), token: 'nobody' },
  { ...post('a scope that does not write', {}, 403, 'Forbidden'), token: 'reader', says: 'integrations.post' },
  {
    what: 'an application made by an application',
    method: 'POST',
    path: '/applications',
    body: { name: 'x' },
    status: 403,
    type: 'Forbidden',
  },
];

describe('bad input', () => {
  it.each(TABLE)('$what: $status $type', async ({ method = 'GET', path, token, body, headers, status, type, says = '' }) => {
    gateway.config.answer(() => undefined);
    const options = { body, ...(token === undefined ? {} : { token }), ...(headers === undefined ? {} : { headers }) };
    const answer = await gateway.call(method, path, options);
    expect(answer).toMatchObject({ status, body: { type } });
    expect(String(answer.body['message'])).toContain(says);
    expect(JSON.stringify(answer.body)).not.toContain('canary');
    expect(Object.keys(answer.body).every((key) => ['type', 'message', 'errors'].includes(key))).toBe(true);
    expect(gateway.config.asked).toEqual([]);
  });

  it('a body that is too large, sent in pieces of unknown number: 413', async () => {
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 20; index++) yield Buffer.alloc(100_000, 0x20);
    };
    const answer = await fetch(`${gateway.url}${BASE}/integrations`, {
      method: 'POST',
      headers: { authorization: 'Bearer app', 'content-type': 'application/json' },
      body: ReadableStream.from(pieces()),
      duplex: 'half',
    });
    expect([answer.status, await answer.json()]).toMatchObject([413, { type: 'TooLarge' }]);
  });

  it('what is not HTTP: 400, and the connection ends', async () => {
    expect(await raw('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*\{"type":"Validation"/);
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  });

  it('leaves nothing unexpected in the log', () => {
    expect(gateway.logLines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});

async function raw(text: string): Promise<string> {
  const { port, hostname } = new URL(gateway.url);
  const socket = createConnection(Number(port), hostname);
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}
