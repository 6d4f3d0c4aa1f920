import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CredentialType, type IntegrationType, configFieldOf, credentialConfigOf } from '#lib/contracts';
import type { Caller } from '../product/echo.ts';
import { type Answer, Product } from '../product/product.ts';
import { provideRelay } from '../product/relay.ts';
import type { Configured, Driver, ProviderServer } from '../providers/driver.ts';
import { drivers } from '../providers/index.ts';
import { makeCertificates } from '../servers/certificates.ts';
import { canaries, placesOf } from './canaries.ts';
import { recordFigure } from './figures.ts';

type Config = Readonly<Record<string, unknown>>;
interface Read {
  readonly id: string;
  readonly version: number;
  readonly status: { readonly state: string; readonly appliedVersion?: number };
}

const secrets = canaries();
/** No secret: it must be found, or nothing would be. */
const MARKER = secrets.stem.replace('canary', 'marker');
/** Secrets that the servers accept. */
const accepted = new Set<string>();
const answers: string[] = [];
const certificates = makeCertificates();
const present = drivers.filter(({ type }) => type !== 'mqtt' || process.env['SLUICE_NO_MOSQUITTO'] !== '1');
const servers = new Map<IntegrationType, ProviderServer>();
let product: Product;
let base: string;
let names = 0;

/** The API; every answer is kept. */
async function ask(method: string, path: string, body?: unknown): Promise<Answer<unknown>> {
  const answer = await product.api<unknown>(method, path, body);
  answers.push(JSON.stringify(answer.body));
  return answer;
}
const recorded: Caller = {
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await ask(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  },
};

const serverOf = (type: IntegrationType): ProviderServer => servers.get(type) as ProviderServer;
const place = (type: IntegrationType): Promise<Configured> => serverOf(type).source(`secret-${++names}`);

/** The configuration with another secret in the place of its own. */
const withSecret = ({ config, secrets: [own = ''] }: Configured, secret: string): Config =>
  JSON.parse(JSON.stringify(config).replaceAll(own, secret)) as Config;

const pem = (secret: string): string => `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`;
const certified = (secret: string): Config => ({ certificate: certificates.client.certificate, privateKey: pem(secret) });

/** The ways to authenticate without a service credential, beside the one that the driver uses, and the state that a secret of ours ends in. */
type Way = readonly [way: string, state: string, configOf: (config: Config, secret: string) => Config];
const MORE: Partial<Record<IntegrationType, readonly Way[]>> = {
  mqtt: [['certificate', 'misconfigured', ({ host, port }, secret) => ({ protocol: 'mqtts', host, port, ...certified(secret) })]],
  websocket: [
    ['certificate', 'misconfigured', ({ url }, secret) => ({ url: String(url).replace('ws:', 'wss:'), ...certified(secret) })],
    ['header', 'connected', ({ url }, secret) => ({ url, headers: [{ headerKey: 'X-Key', headerValue: secret }] })],
  ],
};

/** What a service credential holds of a configuration with this secret in it, and what is left of it. */
type Split = (config: Config, secret: string) => readonly [credential: Config, rest: Config];
const http =
  (authMethod: string, publicValue: string, secretOf = (secret: string) => secret): Split =>
  ({ url }, secret) => [{ uriMatch: url, authMethod, publicValue, secretValue: secretOf(secret) }, { url }];
/** `ok`: the server accepts it. The Event Hubs server has no host of its own with TLS, and a certificate is only for wss. */
const CREDENTIALS: readonly { type: CredentialType; way: string; user: IntegrationType; ok: boolean; split: Split }[] = [
  { type: 'aws', way: 'key', user: 'sqs', ok: true, split: ({ queueUrl, ...key }) => [key, { queueUrl }] },
  {
    type: 'azure',
    way: 'key',
    user: 'azureEventHub',
    ok: false,
    split: ({ hubName, consumerGroup }, accountKey) => [{ accountKey }, { hubName, consumerGroup, hostName: 'localhost' }],
  },
  { type: 'gcp', way: 'key file', user: 'googlePubSub', ok: true, split: ({ keyJson }) => [{ keyJson }, {}] },
  { type: 'http', way: 'header', user: 'websocket', ok: true, split: http('header', 'X-Key') },
  { type: 'http', way: 'parameter', user: 'websocket', ok: true, split: http('queryParam', 'key') },
  { type: 'http', way: 'password', user: 'websocket', ok: true, split: http('basicAuth', 'sluice') },
  {
    type: 'http',
    way: 'certificate',
    user: 'websocket',
    ok: false,
    split: http('clientCertificate', certificates.client.certificate, pem),
  },
];

/** Resolves when an attempt with this version has ended, whichever way. */
async function settled(path: string, version: number): Promise<void> {
  const isSettled = async (): Promise<boolean> => {
    const { status } = await recorded.call<Read>('GET', path);
    return (status.appliedVersion ?? 0) >= version && !['connecting', 'unknown'].includes(status.state);
  };
  await expect.poll(isSettled, { timeout: 30_000, interval: 100 }).toBe(true);
}

/** Creates, reads, tests and changes an integration with a secret of `configOf` each, and does it wrongly too. Resolves with the state it ends in. */
async function tryAll(type: IntegrationType, topics: readonly string[], configOf: (secret: string) => Config): Promise<string> {
  const field = configFieldOf(type);
  const body = (more: object = {}): object => ({
    name: `${MARKER} ${++names}`,
    integrationType: type,
    topics,
    [field]: { ...configOf(secrets.next()), ...more },
  });
  const { id, version } = await recorded.call<Read>('POST', `${base}/integrations`, body());
  const path = `${base}/integrations/${id}`;
  await settled(path, version);
  await recorded.call('POST', `${path}/test`);
  await recorded.call('POST', `${base}/integrations/test`, body());
  const changed = await recorded.call<Read>('PATCH', path, { [field]: configOf(secrets.next()) });
  await settled(path, changed.version);
  expect((await ask('POST', `${base}/integrations`, body({ nonsense: secrets.next() }))).status).toBe(400);
  expect((await ask('PATCH', path, { [field]: [configOf(secrets.next())] })).status).toBe(400);
  expect((await ask('POST', `${base}/integrations`, { ...body(), integrationType: secrets.next() })).status).toBe(400);
  return (await recorded.call<Read>('GET', path)).status.state;
}

beforeAll(async () => {
  for (const driver of present) servers.set(driver.type, await driver.start());
  const settings = Object.assign({}, ...[...servers.values()].map((server) => server.settings)) as Record<string, string>;
  product = await Product.start({ ...settings, SLUICE_LOG_LEVEL: 'trace' });
  const { id } = await recorded.call<{ id: string }>('POST', '/applications', { name: MARKER });
  base = `/applications/${id}`;
});
afterAll(async () => {
  await product.stop();
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

describe.each(present)('promise 17: the secrets of $type', (driver: Driver) => {
  const { type } = driver;

  it('are accepted, changed, and used to receive and send', { timeout: 120_000 }, async () => {
    const { source, outlet, path } = await provideRelay(recorded, driver, serverOf(type));
    for (const { secrets: own } of [source, source.rotated, outlet]) for (const secret of own) accepted.add(secret);
    await source.publish(['hello']);
    await expect.poll(() => outlet.sent(), { timeout: 30_000 }).toContain('got hello');
    const { version } = await recorded.call<Read>('PATCH', path, { [configFieldOf(type)]: source.rotated.config });
    await settled(path, version);
    expect(await recorded.call('POST', `${path}/test`)).toMatchObject({ ok: true });
  });

  it('are refused by the server, and by us', { timeout: 120_000 }, async () => {
    await serverOf(type).revoke();
    const at = await place(type);
    expect(await tryAll(type, at.topics, (secret) => withSecret(at, secret))).toBe('unauthorized');
    await serverOf(type).restore();
  });

  it.each(MORE[type] ?? [])('are given in another way: %s', { timeout: 120_000 }, async (_way, state, configOf) => {
    const { config, topics } = await place(type);
    expect(await tryAll(type, topics, (secret) => configOf(config, secret))).toBe(state);
  });
});

it.each(CREDENTIALS)(
  'promise 17: the secret of a service credential: $type, $way',
  { timeout: 120_000 },
  async ({ type, user, ok, split }) => {
    const at = await place(user);
    const field = credentialConfigOf(type);
    const [own = ''] = at.secrets;
    const [credential, rest] = split(at.config, own);
    const canary = (secret = secrets.next()): Config => split(withSecret(at, secret), secret)[0];
    const body = { name: `${MARKER} ${++names}`, type, [field]: credential };
    const { id } = await recorded.call<Read>('POST', `${base}/credentials`, body);
    const integration = {
      name: body.name,
      integrationType: user,
      topics: at.topics,
      credentialName: body.name,
      [configFieldOf(user)]: rest,
    };
    const made = await recorded.call<Read>('POST', `${base}/integrations`, integration);
    const path = `${base}/integrations/${made.id}`;
    await settled(path, made.version);
    expect(await recorded.call('POST', `${path}/test`)).toMatchObject({ ok });
    await recorded.call('PATCH', `${base}/credentials/${id}`, { [field]: canary() });
    await recorded.call('POST', `${path}/test`);
    await recorded.call('POST', `${base}/integrations/test`, integration);
    await settled(path, made.version);
    for (const wrong of [{ [field]: { ...canary(), nonsense: secrets.next() } }, { type: secrets.next() }])
      expect((await ask('POST', `${base}/credentials`, { ...body, ...wrong })).status).toBe(400);
    await recorded.call('GET', `${base}/credentials/${id}`);
  },
);

it('promise 17: none of them is found in a log, answer, event, file of the bus or table', { timeout: 120_000 }, async () => {
  for (const path of ['integrations', 'credentials', 'deadLetters', 'runs']) await recorded.call('GET', `${base}/${path}?perPage=1000`);
  const marked = (await placesOf([MARKER], product, answers)).join('\n');
  for (const where of ['answers: ', 'database: ', 'streams/CONFIG/']) expect(marked).toContain(where);
  expect(product.output.length).toBeLessThan(200_000); // more is not kept: it would be searched in part
  const found = await placesOf([secrets.stem, ...accepted], product, answers);
  recordFigure({
    promise: 17,
    what: `${secrets.used + accepted.size} secrets of six providers and four types of service credentials, by every way to authenticate: created, changed, connected, refused, tested, sent with; plain or encoded`,
    figure: `${found.length} found`,
    holds: found.length === 0,
  });
  expect(found).toEqual([]);
});
