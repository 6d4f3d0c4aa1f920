import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from '../product/product.ts';
import { type Client, createClient, misfits } from './client.ts';

/** Every type of integration and of service credential, as a user of Losant's API drives them: through its client where version 2.8.1 knows the type, else over plain HTTP. */
let product: Product;
let client: Client;
let applicationId: string;

beforeAll(async () => {
  product = await Product.start();
  client = createClient(product.url, product.adminToken);
  applicationId = String((await client.applications.post({ application: { name: 'Six' } }))['id']);
});
afterAll(() => product.stop());

type Body = Record<string, unknown>;

/** Calls below `/applications/{id}/<path>`, alike through the client and over HTTP. */
interface Calls {
  post(body: Body): Promise<Body>;
  list(query: Record<string, string>): Promise<Body>;
  get(id: string): Promise<Body>;
  patch(id: string, body: Body): Promise<Body>;
  delete(id: string): Promise<Body>;
}

const overHttp = (path: string): Calls => {
  const at = (rest = ''): string => `/applications/${applicationId}/${path}${rest}`;
  return {
    post: (body) => product.call('POST', at(), body),
    list: (query) => product.call('GET', at(`?${new URLSearchParams(query).toString()}`)),
    get: (id) => product.call('GET', at(`/${id}`)),
    patch: (id, body) => product.call('PATCH', at(`/${id}`), body),
    delete: (id) => product.call('DELETE', at(`/${id}`)),
  };
};

const throughClient = (): Calls => ({
  post: (integration) => client.integrations.post({ applicationId, integration }),
  list: (query) => client.integrations.get({ applicationId, ...query }),
  get: (integrationId) => client.integration.get({ applicationId, integrationId }),
  patch: (integrationId, integration) => client.integration.patch({ applicationId, integrationId, integration }),
  delete: (integrationId) => client.integration.delete({ applicationId, integrationId }),
});

const idsOf = (list: Body): unknown[] => (list['items'] as Body[]).map(({ id }) => id);
const status = async (path: string): Promise<number> => (await product.api('GET', `/applications/${applicationId}/${path}`)).status;

const SECRET = 'opensesame+tomorrow=';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = {
  type: 'service_account',
  project_id: 'plant',
  client_email: 'sluice@plant.example',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};
const keyJson = JSON.stringify(key);
const queue = { queueUrl: 'https://sqs.eu-west-1.amazonaws.com/123456789012/orders' };
const hub = { hubName: 'orders', consumerGroup: 'sluice' };
const connectionString = `Endpoint=sb://plant.servicebus.windows.net/;SharedAccessKeyName=sluice;SharedAccessKey=${SECRET}`;

describe('integrations', () => {
  it.each([
    ['sqs', 'HTTP', { ...queue, region: 'eu-west-1', accessKeyId: 'AKIA0123456789ABCDEF', secretAccessKey: SECRET }, []],
    ['azureEventHub', 'HTTP', { ...hub, connectionString }, ['line-1']],
    ['googlePubSub', 'losant-rest', { projectId: 'plant', keyJson }, ['orders']],
    ['mqtt', 'losant-rest', { protocol: 'mqtt', host: 'broker.example', port: 1883, username: 'me', password: SECRET }, ['a/#']],
    ['particle', 'losant-rest', { accessToken: SECRET, deviceNameOrId: 'oven' }, ['temperature', 'door*']],
    ['websocket', 'HTTP', { url: 'wss://feed.example/live', username: 'me', password: SECRET }, []],
  ])('of the type %s are made, listed, changed and deleted over %s', async (integrationType, by, config, topics) => {
    const calls = by === 'losant-rest' ? throughClient() : overHttp('integrations');
    const shape = (answer: Body): string[] => (by === 'losant-rest' ? misfits('integration', answer) : []);
    const field = `${integrationType}Config`;
    const made = await calls.post({ name: `A ${integrationType}`, integrationType, enabled: false, topics, [field]: config });
    const id = String(made['id']);
    expect(made).toMatchObject({ integrationId: id, applicationId, integrationType, enabled: false, topics });
    expect(shape(made)).toEqual([]);
    for (const secret of [SECRET, 'PRIVATE KEY']) expect(JSON.stringify(made)).not.toContain(secret);

    const listed = await calls.list({ filterField: 'integrationType', filter: integrationType });
    expect(idsOf(listed)).toEqual([id]);
    expect(listed).toMatchObject({ count: 1, totalCount: 1, applicationId });

    // What was read goes back as it is, its masked secrets too.
    const read = await calls.get(id);
    const changed = await calls.patch(id, { name: 'Renamed', [field]: read[field] });
    expect(changed).toMatchObject({ id, name: 'Renamed', integrationType, topics, [field]: read[field] });
    expect(shape(changed)).toEqual([]);

    expect(await calls.delete(id)).toEqual({ success: true });
    expect(await status(`integrations/${id}`)).toBe(404);
  });
});

describe('service credentials', () => {
  it.each([
    [
      'aws',
      { accessKeyId: 'AKIA0123456789ABCDEF', secretAccessKey: SECRET, region: 'eu-west-1' },
      { accessKeyId: 'AKIA0123456789ABCDEF', region: 'eu-west-1' },
      { integrationType: 'sqs', sqsConfig: queue },
    ],
    [
      'azure',
      { account: 'sluice', accountKey: SECRET },
      { account: 'sluice' },
      { integrationType: 'azureEventHub', azureEventHubConfig: { ...hub, hostName: 'plant.servicebus.windows.net' } },
    ],
    [
      'gcp',
      { keyJson },
      { keyMetaJson: expect.stringContaining(key.client_email) },
      { integrationType: 'googlePubSub', topics: ['orders'], googlePubSubConfig: {} },
    ],
    [
      'http',
      { uriMatch: 'wss://feed.example/', authMethod: 'header', publicValue: 'X-Key', secretValue: SECRET },
      { uriMatch: 'wss://feed.example/', authMethod: 'header', publicValue: 'X-Key' },
      { integrationType: 'websocket', websocketConfig: { url: 'wss://feed.example/live' } },
    ],
  ])('of the type %s are made, listed, changed and deleted, and show what they are linked to', async (type, config, shown, integration) => {
    const calls = overHttp('credentials');
    const field = `${type}Config`;
    const name = `${type} key`;
    const made = await calls.post({ name, type, [field]: config });
    const id = String(made['id']);
    expect(made).toMatchObject({ applicationId, name, type, enabled: true });
    expect(made[field]).toEqual(shown);
    for (const secret of [SECRET, 'PRIVATE KEY']) expect(JSON.stringify(made)).not.toContain(secret);
    expect(idsOf(await calls.list({ filterField: 'type', filter: type }))).toEqual([id]);
    expect(await calls.patch(id, { description: 'rotated yearly' })).toEqual({
      ...made,
      description: 'rotated yearly',
      lastUpdated: expect.any(String),
    });

    const linked = async (): Promise<unknown[]> => {
      const { integrations } = await product.call<{ integrations: Body }>(
        'GET',
        `/applications/${applicationId}/credentials/${id}/linkedResources`,
      );
      return idsOf(integrations);
    };
    expect(await linked()).toEqual([]);
    const user = await overHttp('integrations').post({ name: `With ${name}`, enabled: false, credentialName: name, ...integration });
    expect(user).toMatchObject({ credentialName: name });
    expect(await linked()).toEqual([user['id']]);

    expect(await overHttp('integrations').delete(String(user['id']))).toEqual({ success: true });
    expect(await calls.delete(id)).toEqual({ success: true });
    expect(await status(`credentials/${id}`)).toBe(404);
  });
});
