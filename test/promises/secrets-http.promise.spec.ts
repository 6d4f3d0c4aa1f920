import { afterAll, beforeAll, expect, it } from 'vitest';
import { node } from '../builders/runs.ts';
import { Product } from '../product/product.ts';
import { makeCertificates } from '../servers/certificates.ts';
import { startHttpServer, type TestHttpServer } from '../servers/http.ts';
import { canaries, placesOf } from './canaries.ts';
import { recordFigure } from './figures.ts';

const secrets = canaries();
/** No secret: it must be found, or nothing would be. */
const MARKER = secrets.stem.replace('canary', 'marker');
const answers: string[] = [];
const certificates = makeCertificates();
let product: Product;
let server: TestHttpServer;
let other: TestHttpServer;
let secure: TestHttpServer;

beforeAll(async () => {
  [server, other, secure] = await Promise.all([startHttpServer(), startHttpServer(), startHttpServer({ tls: certificates })]);
  server.on('/away', (_, response) => response.writeHead(307, { location: `${other.url}/there` }).end());
  server.on('/near', (_, response) => response.writeHead(302, { location: '/there' }).end());
  server.on('/cut', ({ socket }) => socket.destroy());
  server.on('/never', () => undefined);
  server.on('/broken', (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('none'));
  product = await Product.start({ SLUICE_LOG_LEVEL: 'trace' });
}, 120_000);
afterAll(async () => {
  await product.stop();
  await Promise.all([server.stop(), other.stop(), secure.stop()]);
});

async function call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await product.call(method, path, body);
  answers.push(JSON.stringify(answer));
  return answer;
}

/** The ways of an http credential, each with its secret. */
const pem = (secret: string): string => `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`;
const WAYS: readonly [authMethod: string, publicValue: string, secretOf: (secret: string) => string][] = [
  ['header', 'X-Api', (secret) => secret],
  ['queryParam', 'api', (secret) => secret],
  ['basicAuth', 'user', (secret) => secret],
  ['clientCertificate', certificates.client.certificate, pem],
];

it('promise 17: the credential of an HTTP node, on good paths and bad ones', { timeout: 180_000 }, async () => {
  const gone = await startHttpServer();
  await gone.stop();
  const { id: applicationId } = await call('POST', '/applications', { name: MARKER });
  const base = `/applications/${String(applicationId)}`;
  const configOf = (uriMatch: string, [authMethod, publicValue, secretOf]: (typeof WAYS)[number]): object => ({
    httpConfig: { uriMatch, authMethod, publicValue, secretValue: secretOf(secrets.next()) },
  });
  const made: { readonly path: string; readonly name: string; readonly at: string; readonly way: (typeof WAYS)[number] }[] = [];
  for (const way of WAYS)
    for (const at of [server.url, gone.url, secure.url]) {
      const name = `${way[0]} ${made.length}`;
      const { id } = await call('POST', `${base}/credentials`, { name, type: 'http', ...configOf(at, way) });
      made.push({ path: `${base}/credentials/${String(id)}`, name, at, way });
    }

  const ok = made.filter(({ at, way: [method] }) => at === server.url && method !== 'clientCertificate');
  const uses = [
    ...made.map(({ name }) => [name, '/first']),
    ...ok.flatMap(({ name }) => ['/away', '/near', '/cut', '/never', '/broken'].map((uri) => [name, uri])),
  ];
  const request = (name = '', uriTemplate = ''): Record<string, unknown> => ({
    uriTemplate,
    method: 'POST',
    bodyTemplate: MARKER,
    authType: 'credential',
    credentialNameTemplate: name,
    timeoutTemplate: '1',
    responsePath: 'working.response',
  });
  const quiet = { errorBehavior: 'payloadPath', errorPath: 'working.failure' };
  const flowOf = async (name: string, nodes: object[], first: string[]): Promise<string> => {
    const body = { name, triggers: [{ type: 'virtualButton', key: 'press', config: {}, outputIds: [first] }], nodes };
    return String((await call('POST', `${base}/flows`, body))['id']);
  };
  const chained = uses.flatMap(([name, uri], n) => [
    node(`h${n}`, 'HttpNode', { ...request(name, uri), ...quiet }, [`d${n}`]),
    node(`d${n}`, 'DebugNode', { message: MARKER, property: 'working' }),
  ]);
  const flows = [
    await flowOf(
      'Each',
      chained,
      uses.map((_, n) => `h${n}`),
    ),
    await flowOf('Thrown', [node('h', 'HttpNode', request(made.find(({ at }) => at === gone.url)?.name, '/thrown'))], ['h']),
    await flowOf('Foreign', [node('h', 'HttpNode', request(ok[0]?.name, `${other.url}/foreign`))], ['h']),
  ];
  const runs = async (): Promise<string[]> =>
    ((await call('GET', `${base}/runs?perPage=1000`))['items'] as { status: string }[]).map(({ status }) => status).sort();
  for (const round of [1, 2]) {
    for (const flow of flows) await call('POST', `${base}/flows/${flow}/virtualButton`, { key: 'press', payload: { MARKER } });
    const ended = Array.from({ length: round }, () => ['failed', 'failed', 'succeeded']).flat();
    await expect.poll(runs, { timeout: 90_000 }).toEqual(ended.sort());
    for (const { path, at, way } of made) await call('PATCH', path, configOf(at, way));
  }

  expect(server.requests.filter((one) => JSON.stringify(one).includes(secrets.stem)).length).toBeGreaterThan(20); // what is sent is secret
  expect(JSON.stringify(other.requests)).not.toContain(secrets.stem);
  const marked = (await placesOf([MARKER], product, answers)).join('\n');
  for (const where of ['answers: ', 'database: ', 'streams/CONFIG/', 'streams/ACTIVITY/']) expect(marked).toContain(where);
  expect(product.output.length).toBeLessThan(200_000); // more is not kept: it would be searched in part
  const found = await placesOf([secrets.stem], product, answers);
  recordFigure({
    promise: 17,
    what: `${secrets.used} secrets of http credentials, used by HTTP nodes in every way: answered, redirected, cut off, refused, timed out, for another address`,
    figure: `${found.length} found`,
    holds: found.length === 0,
  });
  expect(found).toEqual([]);
});
