import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from '../product/product.ts';
import { makeCertificates } from '../servers/certificates.ts';
import { type Mosquitto, startMosquitto } from '../servers/mosquitto.ts';
import { canaries, placesOf } from './canaries.ts';
import { recordFigure } from './figures.ts';

let product: Product;
let broker: Mosquitto;
beforeAll(async () => {
  broker = await startMosquitto();
  product = await Product.start({ SLUICE_LOG_LEVEL: 'trace' });
});
afterAll(async () => {
  await product.stop();
  await broker.stop();
});

const secrets = canaries();
const { stem, next: canary } = secrets;

describe.skipIf(process.env['SLUICE_NO_MOSQUITTO'] === '1')('promise 17: secrets', () => {
  it('are found in no log, answer, event, file of the bus or table, on good paths and bad ones', { timeout: 120_000 }, async () => {
    const certificates = makeCertificates();
    const seen: string[] = [];
    const call = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
      const answer = await product.api(method, path, body);
      seen.push(JSON.stringify(answer.body));
      return answer.body;
    };
    const application = await call('POST', '/applications', { name: 'Canaries', secretGlobals: ['apiKey', 'other'] });
    const base = `/applications/${String(application['id'])}`;
    await call('PATCH', `${base}/globals`, [
      { key: 'apiKey', json: JSON.stringify(canary()) },
      { key: 'other', json: JSON.stringify({ nested: canary() }) },
      { key: 'plain', json: '"seen"' },
    ]);
    const mqtt = (config: Record<string, unknown>): Record<string, unknown> => ({
      name: `Broker ${secrets.used}`,
      integrationType: 'mqtt',
      topics: ['in/#'],
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: broker.port, ...config },
    });
    // Paths that work, that are refused by the broker, that can't resolve, and that are invalid: each carries secrets.
    while (secrets.used < 40) {
      const made = await call('POST', `${base}/integrations`, mqtt({ username: `user${secrets.used}`, password: canary() }));
      await call('GET', `${base}/integrations/${String(made['id'])}`);
      await call('PATCH', `${base}/integrations/${String(made['id'])}`, {
        mqttConfig: { ...(mqtt({}).mqttConfig as object), username: 'u', password: canary() },
      });
      await call('POST', `${base}/integrations`, mqtt({ password: canary(), host: 'no-such-host.invalid', username: 'u' }));
      await call('POST', `${base}/integrations`, mqtt({ password: canary(), nonsense: true, username: 'u' }));
      await call('POST', `${base}/integrations`, { ...mqtt({ password: canary(), username: 'u' }), integrationType: canary() });
      await call('POST', `${base}/integrations`, mqtt({ password: `{{globals.apiKey}`, username: 'u' }));
    }
    await call('POST', `${base}/integrations`, {
      ...mqtt({}),
      mqttConfig: {
        protocol: 'mqtts',
        host: 'localhost',
        port: broker.port,
        caCertificate: certificates.ca,
        certificate: certificates.client.certificate,
        privateKey: `-----BEGIN PRIVATE KEY-----\n${canary()}\n-----END PRIVATE KEY-----`,
      },
    });
    const templated = await call('POST', `${base}/integrations`, mqtt({ username: 'u', password: '{{globals.apiKey}}' }));
    const tested = await call('POST', `${base}/integrations/test`, mqtt({ username: 'u', password: canary() }));
    expect(tested).toMatchObject({ ok: true });
    expect(await call('POST', `${base}/integrations/${String(templated['id'])}/test`)).toMatchObject({ ok: true });
    await call('POST', `${base}/integrations`, `{"broken": "${canary()}"` as unknown);
    const listed = await call('GET', `${base}/integrations?perPage=1000`);
    await call('GET', base);
    await call('GET', '/applications');
    // Each connection attempt has ended in a status by now; their reasons are answers too.
    await expect
      .poll(async () => JSON.stringify(await call('GET', `${base}/integrations?perPage=1000`)), { timeout: 20_000 })
      .not.toContain('"state":"connecting"');
    expect(Number(listed['totalCount'])).toBeGreaterThan(8);

    const found = await placesOf([stem], product, seen);
    recordFigure({
      promise: 17,
      what: `${secrets.used} canary secrets through integrations, globals and invalid bodies; answers, log at trace, every file of the data folder, every table`,
      figure: `${found.length} found`,
      holds: found.length === 0,
    });
    expect(await placesOf(['Broker '], product, seen)).not.toEqual([]); // what is no secret is found
    expect(found).toEqual([]);
  });
});
