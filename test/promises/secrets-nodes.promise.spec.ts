import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CredentialType, type IntegrationType, credentialConfigOf } from '#lib/contracts';
import { node } from '../builders/runs.ts';
import { Product } from '../product/product.ts';
import type { Outlet, ProviderServer } from '../providers/driver.ts';
import { drivers } from '../providers/index.ts';
import { canaries, placesOf } from './canaries.ts';
import { recordFigure } from './figures.ts';

type Fields = Readonly<Record<string, unknown>>;

const secrets = canaries();
/** No secret: it must be found, or nothing would be. */
const MARKER = secrets.stem.replace('canary', 'marker');
const answers: string[] = [];
let product: Product;

/** What a node says of itself, given its configuration with a template in the place of what holds the secret; and what a credential says instead. */
interface Side {
  readonly secret: string;
  readonly inline: (config: Fields) => Fields;
  readonly named?: { readonly type: CredentialType; readonly split: (config: Fields) => readonly [credential: Fields, node: Fields] };
}
const SIDES: Partial<Record<IntegrationType, Side>> = {
  sqs: {
    secret: 'secretAccessKey',
    inline: ({ queueUrl, region, accessKeyId, secretAccessKey }) => ({
      queueUrl,
      regionTemplate: region,
      accessKeyIdTemplate: accessKeyId,
      secretAccessKeyTemplate: secretAccessKey,
    }),
    named: { type: 'aws', split: ({ queueUrl, ...key }) => [key, { queueUrl }] },
  },
  azureEventHub: { secret: 'connectionString', inline: ({ hubName, connectionString }) => ({ hubName, connectionString }) },
  googlePubSub: {
    secret: 'keyJson',
    inline: ({ keyJson }) => ({ jwtDataTemplate: keyJson }),
    named: { type: 'gcp', split: ({ keyJson }) => [{ keyJson }, {}] },
  },
  particle: { secret: 'accessToken', inline: ({ accessToken }) => ({ accessToken }) },
};
const present = drivers.filter(({ type }) => SIDES[type] !== undefined);
const servers = new Map<IntegrationType, ProviderServer>();

async function call(method: string, path: string, body?: unknown): Promise<Fields> {
  const answer = await product.call<Fields>(method, path, body);
  answers.push(JSON.stringify(answer));
  return answer;
}

beforeAll(async () => {
  for (const driver of present) servers.set(driver.type, await driver.start());
  const settings = Object.assign({}, ...[...servers.values()].map((server) => server.settings)) as Record<string, string>;
  product = await Product.start({ ...settings, SLUICE_LOG_LEVEL: 'trace' });
}, 120_000);
afterAll(async () => {
  await product.stop();
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

it('promise 17: what nodes authenticate with themselves, taken and refused, by keys and by credentials', { timeout: 180_000 }, async () => {
  const accepted = new Set<string>();
  const credentials: Fields[] = [];
  const nodes: { readonly type: string; readonly config: Fields; readonly key: string }[] = [];
  const outlets: Outlet[] = [];
  const presses: (() => Promise<number>)[] = [];
  for (const [type, server] of servers) {
    const { secret, inline, named } = SIDES[type] as Side;
    const outlet = await server.outlet(`own-${type}`);
    outlets.push(outlet);
    for (const own of outlet.secrets) accepted.add(own);
    for (const ok of [true, false]) {
      const config = ok
        ? outlet.config
        : (JSON.parse(JSON.stringify(outlet.config).replaceAll(outlet.secrets[0] ?? '', secrets.next())) as Fields);
      const name = `${type}${ok ? 'Good' : 'Bad'}`;
      const add = (text: string, own: Fields): void => {
        const { type: nodeType, config: of } = outlet.node('', text);
        nodes.push({ type: nodeType, config: { ...of, ...own, resultPath: 'working' }, key: String(config[secret]) });
      };
      add(`inline ${MARKER}`, inline({ ...config, [secret]: '{{{working.key}}}' }));
      if (named === undefined) continue;
      const [fields, beside] = named.split(config);
      credentials.push({ name, type: named.type, [credentialConfigOf(named.type)]: fields });
      add(`named ${MARKER}`, { ...beside, credentialNameTemplate: name });
    }
  }
  const { id } = await call('POST', '/applications', { name: MARKER });
  const base = `/applications/${String(id)}`;
  for (const credential of credentials) await call('POST', `${base}/credentials`, credential);
  for (const [n, { type, config, key }] of nodes.entries()) {
    // No node of ours keeps it: it is stored backwards, and is whole in a run only.
    const script = `payload.working = { key: ${JSON.stringify(key.split('').toReversed().join(''))}.split('').reverse().join('') };`;
    const flow = await call('POST', `${base}/flows`, {
      name: `${MARKER} ${n}`,
      triggers: [{ type: 'virtualButton', key: 'press', config: {}, outputIds: [['key']] }],
      nodes: [
        node('key', 'RawFunctionNode', { script }, ['send']),
        node('send', type, config, ['see']),
        node('see', 'DebugNode', { message: MARKER, property: 'working' }),
      ],
    });
    const press = `${base}/flows/${String(flow['id'])}/virtualButton`;
    // Until whoever takes it has heard of the workflow.
    const pressed = async (): Promise<number> => (await product.api('POST', press, { key: 'press', payload: { MARKER } })).status;
    await expect.poll(pressed).toBeLessThan(300);
    presses.push(pressed);
  }

  const sent = (): number => outlets.reduce((sum, outlet) => sum + new Set(outlet.sent()).size, 0);
  const all = outlets.length + credentials.length / 2;
  // On a busy machine a first send may take longer than its node waits: then it is made again, as its author would.
  const again = async (): Promise<number> => {
    if (sent() < all) for (const press of presses) await press();
    return sent();
  };
  await expect.poll(again, { timeout: 60_000, interval: 5_000 }).toBe(all);
  const ended = async (): Promise<boolean> => {
    const items = (await call('GET', `${base}/runs?perPage=1000`))['items'] as { status: string }[];
    return items.length >= nodes.length && items.every(({ status }) => ['succeeded', 'failed'].includes(status));
  };
  await expect.poll(ended, { timeout: 60_000 }).toBe(true);

  const marked = (await placesOf([MARKER], product, answers)).join('\n');
  for (const where of ['answers: ', 'database: ', 'streams/CONFIG/', 'streams/ACTIVITY/']) expect(marked).toContain(where);
  expect(product.output.length).toBeLessThan(200_000); // more is not kept: it would be searched in part
  const found = await placesOf([secrets.stem, ...accepted], product, answers);
  recordFigure({
    promise: 17,
    what: `${secrets.used + accepted.size} secrets that nodes of four types authenticate with themselves, their own and of service credentials: sent with, and refused`,
    figure: `${found.length} found`,
    holds: found.length === 0,
  });
  expect(found).toEqual([]);
});
