import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Command, type ConfigStates, type Query, Reply } from '#lib/contracts';
import { type Bus, type ConfigChange, type ConfigFollower, connectBus, migrateBus, nestConnectionOptions } from '#lib/messaging';
import { createLogger, type RunningService } from '#lib/platform';
import { createMasterKeyFile, isSealed, loadMasterKey, SecretKeys, unseal } from '#lib/secrets';
import { startTestNats, type TestNats } from '../../../test/servers/nats.ts';
import { startTestPostgres, type TestPostgres } from '../../../test/servers/postgres.ts';
import { startConfig } from './index.ts';

let nats: TestNats;
let postgres: TestPostgres;
let bus: Bus;
let follower: ConfigFollower;
let proxy: ClientProxy;
let service: RunningService;
let dir: string;
const changes: ConfigChange[] = [];
const log = createLogger({ service: 'config', level: 'silent' });
const HASH = 'ab'.repeat(32);

const start = (): Promise<RunningService> =>
  startConfig({
    natsUrl: nats.url,
    replicaId: 'test',
    standalone: true,
    log,
    postgresUrl: postgres.url,
    masterKeyFile: join(dir, 'master-key'),
    egressAllow: 'loopback',
    adminTokenHash: HASH,
  });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres(), createMasterKeyFile(join(dir, 'master-key'))]);
  const options = { servers: nats.url, name: 'test' };
  await migrateBus(options, { streamBytes: 1024 * 1024 * 1024, replicas: 1 });
  bus = await connectBus(options);
  service = await start();
  follower = await bus.followConfig(
    ['application', 'integration', 'credential', 'workflow', 'token'],
    (change) => void changes.push(change),
  );
  proxy = ClientProxyFactory.create({ transport: Transport.NATS, options: nestConnectionOptions(options) });
});
afterAll(async () => {
  await service.stop();
  await proxy.close();
  await follower.stop();
  await bus.close();
  await Promise.all([nats.stop(), postgres.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

const ask = async (subject: string, envelope: object): Promise<Reply> =>
  Reply.parse(await firstValueFrom(proxy.send<unknown>(subject, envelope)));

const INSTANCE = { instance: true, scopes: ['all.Instance'] };
const command = (subject: string, envelope: Partial<Command>): Promise<Reply> =>
  ask(`command.${subject}`, { applicationId: '-', actor: { type: 'apiToken', id: 'tester' }, input: {}, ...envelope });
const query = (subject: string, envelope: Partial<Query>): Promise<Reply> => ask(`query.${subject}`, { applicationId: '-', ...envelope });

/** Answers arrive with their types unknown; tests look at the fields they name. */
type Result = Record<string, unknown> & { id: string };
function done(reply: Reply): Result & { position: number } {
  if (!reply.ok) throw new Error(`refused: ${JSON.stringify(reply.error)}`);
  return { ...(reply.result as Result), position: reply.position ?? 0 };
}
const refused = (reply: Reply): { type: string; message: string; paths: string[] } => {
  if (reply.ok) throw new Error(`was not refused: ${JSON.stringify(reply.result)}`);
  return { type: reply.error.type, message: reply.error.message, paths: (reply.error.errors ?? []).map(({ path }) => path) };
};

const makeApplication = async (input: object = {}): Promise<string> =>
  done(await command('application.create', { ...INSTANCE, input: { name: 'App', ...input } })).id;
const BROKER = { protocol: 'mqtt', host: '127.0.0.1', port: 1883 };
const mqtt = (config: object = {}, others: object = {}): object => ({
  name: 'Broker',
  integrationType: 'mqtt',
  mqttConfig: { ...BROKER, ...config },
  ...others,
});
const makeIntegration = async (applicationId: string, input: object = mqtt()): Promise<Result> =>
  done(await command('integration.create', { applicationId, input }));
const HTTP = { uriMatch: 'wss://a.example/', authMethod: 'header', publicValue: 'X-Key', secretValue: 'open sesame' };
const httpCredential = (others: object = {}): object => ({ name: 'Key', type: 'http', httpConfig: HTTP, ...others });
const makeCredential = async (applicationId: string, others: object = {}): Promise<Result & { position: number }> =>
  done(await command('credential.create', { applicationId, input: httpCredential(others) }));

async function onBus<K extends keyof ConfigStates>(kind: K, id: string, position: number): Promise<ConfigChange<K> | undefined> {
  await follower.reachedEvent(position, 5_000);
  return changes.findLast((change) => change.kind === kind && change.id === id) as ConfigChange<K> | undefined;
}

describe('applications', () => {
  it('are created, read, listed, changed and reach CONFIG with actor, version and time', async () => {
    const created = done(
      await command('application.create', { ...INSTANCE, input: { name: 'First', globals: [{ key: 'a', json: '1' }] } }),
    );
    expect(created).toMatchObject({
      name: 'First',
      globals: [{ key: 'a', json: '1' }],
      limits: { messagesPerSecond: 20, period: 'month' },
    });
    const own = { applicationId: created.id, id: created.id };
    const changed = done(await command('application.update', { ...own, input: { name: 'Renamed' } }));
    expect(changed['name']).toBe('Renamed');
    expect(done(await query('application.get', own))['name']).toBe('Renamed');
    const change = await onBus('application', created.id, changed.position);
    expect(change).toMatchObject({
      event: 'ApplicationUpdated',
      version: 2,
      epoch: 1,
      actor: { id: 'tester' },
      state: { name: 'Renamed' },
    });
    const listed = done(await query('application.list', { applicationId: created.id }));
    expect(listed).toMatchObject({ totalCount: 1, items: [{ id: created.id }] });
  });

  it('only an instance token creates them and sets limits', async () => {
    expect(refused(await command('application.create', { input: { name: 'x' } })).type).toBe('Forbidden');
    const id = await makeApplication();
    const limits = { payloads: 5, period: 'day' };
    expect(refused(await command('application.update', { applicationId: id, id, input: { limits } })).type).toBe('Forbidden');
    const changed = done(await command('application.update', { applicationId: id, id, ...INSTANCE, input: { limits } }));
    expect(changed['limits']).toMatchObject({ payloads: 5, period: 'day', burst: 20 });
  });

  it('seal secret globals, show a mask and keep what the mask stands for', async () => {
    const id = await makeApplication({ secretGlobals: ['key'] });
    const own = { applicationId: id, id };
    const set = done(
      await command('application.setGlobals', {
        ...own,
        input: [
          { key: 'key', json: '"hunter2"' },
          { key: 'b', json: '2' },
        ],
      }),
    );
    expect(set['globals']).toEqual([
      { key: 'key', json: '"********"' },
      { key: 'b', json: '2' },
    ]);
    const again = done(await command('application.update', { ...own, input: { globals: set['globals'], description: 'd' } }));
    const change = await onBus('application', id, again.position);
    const json = change?.state?.globals.find(({ key }) => key === 'key')?.json;
    expect(isSealed(json)).toBe(true);
    const keys = new SecretKeys(await loadMasterKey(join(dir, 'master-key')));
    const wrapped = Buffer.from((await bus.kv('KEYS').get(id))?.value ?? []).toString();
    if (!isSealed(json)) throw new Error('not sealed');
    expect(unseal(keys.open(id, wrapped), json, { applicationId: id, resourceId: id, field: 'globals.key' })).toBe('"hunter2"');
    expect(refused(await command('application.update', { ...own, input: { secretGlobals: [] } })).paths).toEqual(['secretGlobals']);
    const removed = done(await command('application.setGlobals', { ...own, input: [{ key: 'key', json: null }] }));
    expect(removed['globals']).toEqual([{ key: 'b', json: '2' }]);
  });

  it('go with all that is in them, at once, and their key with them', async () => {
    const id = await makeApplication();
    const integration = await makeIntegration(id);
    const workflow = done(await command('workflow.create', { applicationId: id, input: { name: 'w' } }));
    const token = done(await command('token.create', { applicationId: id, ...INSTANCE, input: { name: 't' } }));
    const credential = await makeCredential(id);
    const gone = done(await command('application.delete', { applicationId: id, id }));
    expect(gone['success']).toBe(true);
    for (const [kind, key] of [
      ['integration', integration],
      ['workflow', workflow],
      ['token', token],
      ['credential', credential],
    ] as const) {
      expect((await onBus(kind, key.id, gone.position))?.state).toBeNull();
      expect(refused(await query(`${kind}.get`, { applicationId: id, id: key.id })).type).toBe('NotFound');
    }
    expect((await onBus('application', id, gone.position))?.state).toBeNull();
    await expect.poll(() => bus.kv('KEYS').get(id)).toBeUndefined();
    expect(refused(await command('integration.create', { applicationId: id, input: mqtt() })).type).toBe('NotFound');
  });
});

const PRIVATE_KEY = '-----BEGIN PRIVATE KEY-----\nopen sesame\n-----END PRIVATE KEY-----\n';
const KEY_FILE = { type: 'service_account', project_id: 'p', private_key: PRIVATE_KEY, client_email: 'a@p.iam.gserviceaccount.com' };

describe('service credentials', () => {
  const { private_key: _key, ...keyMeta } = KEY_FILE;
  it.each([
    ['aws', { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', region: 'eu-west-1' }, { secretAccessKey: 'open sesame' }, {}],
    ['azure', { account: 'RootManageSharedAccessKey' }, { accountKey: 'open sesame' }, {}],
    ['gcp', {}, { keyJson: JSON.stringify({ ...KEY_FILE, unheard_of: 'open sesame' }) }, { keyMetaJson: JSON.stringify(keyMeta) }],
    ['http', { uriMatch: 'wss://a.example/', authMethod: 'basicAuth' }, { secretValue: 'open sesame' }, { publicValue: '' }],
  ])(
    'of the type %s are made, read, listed and reach CONFIG, the secret sealed and nowhere to be read',
    async (type, open, secret, added) => {
      const applicationId = await makeApplication();
      const input = { name: type, description: 'd', type, [`${type}Config`]: { ...open, ...secret } };
      const { position, ...made } = done(await command('credential.create', { applicationId, input }));
      expect(made).toEqual({
        id: made.id,
        applicationId,
        name: type,
        description: 'd',
        enabled: true,
        type,
        [`${type}Config`]: { ...open, ...added },
        creationDate: made['creationDate'],
        lastUpdated: made['creationDate'],
      });
      const { position: _, ...read } = done(await query('credential.get', { applicationId, id: made.id }));
      expect(read).toEqual(made);
      const listed = done(await query('credential.list', { applicationId, params: { filterField: 'type', filter: type } }));
      expect(listed).toMatchObject({ totalCount: 1, applicationId, items: [made] });
      const change = await onBus('credential', made.id, position);
      expect(JSON.stringify([change, made, listed])).not.toContain('open sesame');
      const keys = new SecretKeys(await loadMasterKey(join(dir, 'master-key')));
      const wrapped = Buffer.from((await bus.kv('KEYS').get(applicationId))?.value ?? []).toString();
      const [[field, clear] = ['', '']] = Object.entries(secret);
      const sealed = change?.state?.config[field];
      if (!isSealed(sealed)) throw new Error('not sealed');
      expect(unseal(keys.open(applicationId, wrapped), sealed, { applicationId, resourceId: made.id, field })).toBe(clear);
    },
  );

  it('change field by field, keep the secret that is not sent, and never their type', async () => {
    const applicationId = await makeApplication();
    const made = await makeCredential(applicationId);
    const own = { applicationId, id: made.id };
    const before = await onBus('credential', made.id, made.position);
    const changed = done(await command('credential.update', { ...own, input: { enabled: false, httpConfig: { publicValue: 'X-Other' } } }));
    expect(changed).toMatchObject({ enabled: false, httpConfig: { uriMatch: 'wss://a.example/', publicValue: 'X-Other' } });
    const after = await onBus('credential', made.id, changed.position);
    expect(after).toMatchObject({ event: 'CredentialUpdated', version: 2 });
    expect(after?.state?.config['secretValue']).toEqual(before?.state?.config['secretValue']);
    expect(refused(await command('credential.update', { ...own, input: { type: 'http' } })).paths).toEqual(['type']);
    expect(refused(await command('credential.update', { ...own, input: { awsConfig: {} } })).paths).toEqual(['awsConfig']);
    const foreign = await makeApplication();
    const elsewhere = await command('credential.update', { applicationId: foreign, id: made.id, input: { name: 'x' } });
    expect(refused(elsewhere).type).toBe('NotFound');
    expect(refused(await query('credential.linkedResources', { applicationId: foreign, id: made.id })).type).toBe('NotFound');
  });

  it('have a name that no other of the application has, also when two want it at the same time', async () => {
    const [applicationId, other] = [await makeApplication(), await makeApplication()];
    const wanted = { applicationId, input: httpCredential() };
    const replies = await Promise.all(Array.from({ length: 5 }, () => command('credential.create', wanted)));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    for (const reply of replies.filter(({ ok }) => !ok)) expect(refused(reply)).toMatchObject({ type: 'Validation', paths: ['name'] });
    await makeCredential(other);
    const second = await makeCredential(applicationId, { name: 'Second' });
    const renamed = await command('credential.update', { applicationId, id: second.id, input: { name: 'Key' } });
    expect(refused(renamed).paths).toEqual(['name']);
  });

  it.each([
    ['an unknown type', { type: 'sql' }, 'type'],
    ['no configuration', { httpConfig: undefined }, 'httpConfig'],
    ['the configuration of another type', { awsConfig: {} }, 'awsConfig.accessKeyId'],
    ['an unknown property', { httpConfig: { nonsense: 1 } }, 'httpConfig.nonsense'],
    ['no secret', { httpConfig: { secretValue: undefined } }, 'httpConfig.secretValue'],
    ['an address that is none', { httpConfig: { uriMatch: 'a.example/path' } }, 'httpConfig.uriMatch'],
    ['a nameless header', { httpConfig: { publicValue: '' } }, 'httpConfig.publicValue'],
    ['a blank name', { name: '' }, 'name'],
    [
      'a short access key id',
      { type: 'aws', httpConfig: undefined, awsConfig: { accessKeyId: 'a', secretAccessKey: 'bcde', region: 'r' } },
      'awsConfig.accessKeyId',
    ],
    [
      'a key file of a user',
      { type: 'gcp', httpConfig: undefined, gcpConfig: { keyJson: '{"type":"authorized_user"}' } },
      'gcpConfig.keyJson',
    ],
    [
      'a key file that leads to a forbidden address',
      {
        type: 'gcp',
        httpConfig: undefined,
        gcpConfig: { keyJson: JSON.stringify({ ...KEY_FILE, token_uri: 'http://169.254.169.254/t' }) },
      },
      'gcpConfig.keyJson',
    ],
  ])('with %s are refused, naming the field', async (_, over, path) => {
    const applicationId = await makeApplication();
    const plain = httpCredential() as Record<string, object>;
    const merged = {
      ...plain,
      ...over,
      ...('httpConfig' in over && over.httpConfig !== undefined ? { httpConfig: { ...plain['httpConfig'], ...over.httpConfig } } : {}),
    };
    const refusal = refused(await command('credential.create', { applicationId, input: merged }));
    expect(refusal.type).toBe('Validation');
    expect(refusal.paths).toContain(path);
  });

  it('are named by integrations only when they exist, have the right type and suit them', async () => {
    const applicationId = await makeApplication();
    await makeCredential(applicationId);
    await makeCredential(applicationId, { name: 'Web', httpConfig: { ...HTTP, uriMatch: 'https://a.example/' } });
    const azureConfig = { accountKey: 'open sesame' };
    await makeCredential(applicationId, { name: 'Azure', type: 'azure', httpConfig: undefined, azureConfig });
    const naming = (credentialName: string): Promise<Reply> =>
      command('integration.create', {
        applicationId,
        input: { name: 's', integrationType: 'websocket', credentialName, websocketConfig: { url: 'wss://a.example/feed' } },
      });
    for (const name of ['None', 'Web', 'Azure', 'key']) expect(refused(await naming(name)).paths).toEqual(['credentialName']);
    const made = done(await naming('Key'));
    expect(made).toMatchObject({ credentialName: 'Key' });
    const own = { applicationId, id: made.id };
    expect(refused(await command('integration.update', { ...own, input: { credentialName: 'Azure' } })).paths).toEqual(['credentialName']);
    expect(done(await command('integration.update', { ...own, input: { credentialName: null } }))).not.toHaveProperty('credentialName');
  });

  it('that set a header are named by no integration that sets it itself', async () => {
    const applicationId = await makeApplication();
    await makeCredential(applicationId);
    await makeCredential(applicationId, { name: 'Basic', httpConfig: { ...HTTP, authMethod: 'basicAuth' } });
    const websocketConfig = (headerKey: string): object => ({ url: 'wss://a.example/', headers: [{ headerKey, headerValue: 'v' }] });
    const naming = (credentialName: string, headerKey: string): Promise<Reply> =>
      command('integration.create', {
        applicationId,
        input: { name: 's', integrationType: 'websocket', enabled: false, credentialName, websocketConfig: websocketConfig(headerKey) },
      });
    expect(refused(await naming('Key', 'x-key'))).toMatchObject({ paths: ['credentialName'], message: expect.stringContaining('X-Key') });
    expect(refused(await naming('Basic', 'authorization')).paths).toEqual(['credentialName']);
    const made = done(await naming('Key', 'authorization'));
    const patch = { applicationId, id: made.id, input: { websocketConfig: websocketConfig('X-KEY') } };
    expect(refused(await command('integration.update', patch)).paths).toEqual(['credentialName']);
  });

  it('show what names them, and go all the same', async () => {
    const applicationId = await makeApplication();
    const made = await makeCredential(applicationId);
    const websocketConfig = { url: 'wss://a.example/feed' };
    const websocket = { name: 's', integrationType: 'websocket', credentialName: 'Key', websocketConfig };
    const integration = await makeIntegration(applicationId, websocket);
    await makeIntegration(applicationId);
    const nodes = [{ id: 'n', type: 'HttpNode', config: { credentialNameTemplate: 'Key' } }];
    const flow = done(await command('workflow.create', { applicationId, input: { name: 'w', nodes } }));
    await command('workflow.create', { applicationId, input: { name: 'other' } });
    const version = done(await command('flowVersion.create', { applicationId, parentId: flow.id, input: { version: 'v1', nodes } }));
    const own = { applicationId, id: made.id };
    expect(done(await query('credential.linkedResources', own))).toMatchObject({
      integrations: { count: 1, totalCount: 1, items: [{ id: integration.id, credentialName: 'Key', websocketConfig }] },
      flows: { count: 1, totalCount: 1, items: [{ id: flow.id }] },
      flowVersions: { count: 1, totalCount: 1, items: [{ id: version.id, flowId: flow.id }] },
    });
    expect(done(await command('credential.delete', own))['success']).toBe(true);
    expect(refused(await query('credential.get', own)).type).toBe('NotFound');
    const renamed = done(await command('integration.update', { applicationId, id: integration.id, input: { name: 'still there' } }));
    expect(renamed['credentialName']).toBe('Key');
    const saved = await command('integration.update', { applicationId, id: integration.id, input: { websocketConfig } });
    expect(refused(saved).paths).toEqual(['credentialName']);
  });
});

describe('integrations', () => {
  it('keep an assigned client id, seal secrets and say what they deliver', async () => {
    const id = await makeApplication();
    const made = await makeIntegration(id, mqtt({ username: 'u', password: 'open sesame', clean: false }));
    expect(made).toMatchObject({ version: 1, delivery: 'at-least-once', enabled: true, topics: [] });
    const config = made['mqttConfig'] as Record<string, unknown>;
    expect(config).toMatchObject({ ...BROKER, username: 'u', password: '********', clean: false, protocolVersion: '3.1.1' });
    expect(config['clientId']).toMatch(/^sluice-[0-9a-f]{16}$/);
    const change = await onBus('integration', made.id, Number(made['position']));
    expect(change?.type).toBe('mqtt');
    expect(isSealed(change?.state?.config['password'])).toBe(true);
    expect(JSON.stringify(changes)).not.toContain('open sesame');
  });

  it('keep every secret when what was read is sent back (promise 18)', async () => {
    const id = await makeApplication();
    const made = await makeIntegration(id, mqtt({ username: 'u', password: 'open sesame' }));
    const before = await onBus('integration', made.id, Number(made['position']));
    const read = done(await query('integration.get', { applicationId: id, id: made.id }));
    const { name, enabled, topics, mqttConfig } = read;
    const own = { applicationId: id, id: made.id };
    const patched = done(await command('integration.update', { ...own, input: { name, enabled, topics: ['a/b'], mqttConfig } }));
    expect(patched['version']).toBe(2);
    expect(topics).toEqual([]);
    const after = await onBus('integration', made.id, patched.position);
    expect(after?.state?.config['password']).toEqual(before?.state?.config['password']);
    const absent = done(await command('integration.update', { ...own, input: { mqttConfig: { ...BROKER, username: 'v' } } }));
    const kept = await onBus('integration', made.id, absent.position);
    expect(kept?.state?.config['password']).toEqual(before?.state?.config['password']);
    expect(kept?.state?.config['clientId'] ?? kept?.state?.assignedClientId).toMatch(/^sluice-/);
  });

  it('a patch that changes nothing makes no event', async () => {
    const id = await makeApplication();
    const made = await makeIntegration(id);
    const same = done(await command('integration.update', { applicationId: id, id: made.id, input: { name: 'Broker' } }));
    expect(same).toMatchObject({ version: 1, lastUpdated: made['lastUpdated'] });
  });

  it('are drafted for a test without being stored: sealed, checked, and with the stored secrets where none are sent', async () => {
    const id = await makeApplication();
    const draft = (envelope: Partial<Command>): Promise<Reply> => command('integration.draft', { applicationId: id, ...envelope });
    const candidate = done(await draft({ input: mqtt({ username: 'u', password: 'open sesame' }) }));
    expect(candidate).toMatchObject({ applicationId: id, integrationType: 'mqtt', config: { ...BROKER, username: 'u' } });
    expect(isSealed((candidate['config'] as Record<string, unknown>)['password'])).toBe(true);
    expect(done(await query('integration.list', { applicationId: id }))['totalCount']).toBe(0);
    expect(refused(await draft({ input: mqtt({ nonsense: 1 }) })).paths).toEqual(['mqttConfig.nonsense']);

    const made = await makeIntegration(id, mqtt({ username: 'u', password: 'open sesame' }));
    const stored = (await onBus('integration', made.id, Number(made['position'])))?.state;
    expect(done(await draft({ id: made.id, input: null }))).toMatchObject({ ...stored });
    const changed = done(await draft({ id: made.id, input: { topics: ['a'], mqttConfig: { ...BROKER, port: 1884, username: 'u' } } }));
    expect(changed).toMatchObject({ id: made.id, topics: ['a'], config: { port: 1884, password: stored?.config['password'] } });
    expect(refused(await draft({ id: made.id, input: { integrationType: 'sqs' } })).paths).toEqual(['integrationType']);
    expect(done(await query('integration.get', { applicationId: id, id: made.id }))).toMatchObject({ version: 1, topics: [] });
  });

  it.each([
    ['an unknown property', mqtt({ nonsense: 1 }), 'mqttConfig.nonsense'],
    ['a missing required field', { name: 'x', integrationType: 'mqtt' }, 'mqttConfig.protocol'],
    ['a certificate without TLS', mqtt({ certificate: 'cert', privateKey: 'key!' }), 'mqttConfig.privateKey'],
    ['a forbidden host', mqtt({ host: '169.254.169.254' }), 'mqttConfig.host'],
    ['a mask that stands for nothing', mqtt({ username: 'u', password: '********' }), 'mqttConfig.password'],
    ['a credential that does not exist', mqtt({}, { credentialName: 'none' }), 'credentialName'],
    ['the configuration of another type', mqtt({}, { sqsConfig: {} }), 'sqsConfig'],
    ['a topic that is no filter', mqtt({}, { topics: ['a/#/b'] }), 'topics[0]'],
    ['NUL in a name', mqtt({}, { name: 'a\0b' }), 'name'],
    ['half a character', mqtt({}, { name: 'a\ud800b' }), 'name'],
    ['an unknown type', mqtt({}, { integrationType: 'carrier pigeon' }), 'integrationType'],
  ])('with %s are refused, naming the field', async (_, input, path) => {
    const id = await makeApplication();
    const refusal = refused(await command('integration.create', { applicationId: id, input }));
    expect(refusal.type).toBe('Validation');
    expect(refusal.paths).toContain(path);
  });

  it('refuse their type in a patch, even unchanged, and null where it clears nothing', async () => {
    const id = await makeApplication();
    const made = await makeIntegration(id);
    const own = { applicationId: id, id: made.id };
    expect(refused(await command('integration.update', { ...own, input: { integrationType: 'mqtt' } })).paths).toEqual(['integrationType']);
    expect(refused(await command('integration.update', { ...own, input: { name: null } })).paths).toEqual(['name']);
    expect(done(await command('integration.update', { ...own, input: { credentialName: null } }))['version']).toBe(1);
  });

  it('go with the workflows they trigger only when that is asked for', async () => {
    const id = await makeApplication();
    const [kept, gone] = [await makeIntegration(id), await makeIntegration(id)];
    const flow = async (key: string): Promise<Result> =>
      done(await command('workflow.create', { applicationId: id, input: { name: key, triggers: [{ type: 'integration', key }] } }));
    const [first, second] = [await flow(kept.id), await flow(gone.id)];
    done(await command('integration.delete', { applicationId: id, id: kept.id }));
    done(await command('integration.delete', { applicationId: id, id: gone.id, params: { includeWorkflows: 'true' } }));
    expect((await query('workflow.get', { applicationId: id, id: first.id })).ok).toBe(true);
    expect((await query('workflow.get', { applicationId: id, id: second.id })).ok).toBe(false);
  });

  it('are listed by pages, sorted and filtered', async () => {
    const id = await makeApplication();
    for (const name of ['delta', 'Alpha', 'charlie', 'bravo']) await makeIntegration(id, mqtt({}, { name }));
    const names = async (params: Record<string, unknown>): Promise<unknown> =>
      (done(await query('integration.list', { applicationId: id, params }))['items'] as Result[]).map(({ name }) => name);
    expect(await names({})).toEqual(['Alpha', 'bravo', 'charlie', 'delta']);
    expect(await names({ sortDirection: 'desc', perPage: '2', page: '1' })).toEqual(['bravo', 'Alpha']);
    expect(await names({ filterField: 'name', filter: 'a*' })).toEqual(['Alpha']);
    expect(refused(await query('integration.list', { applicationId: id, params: { perPage: '0' } })).paths).toEqual(['perPage']);
  });
});

describe('workflows', () => {
  const node = (id: string, ...outputIds: string[]): object => ({ id, type: 'DebugNode', outputIds: [outputIds] });

  it('are stored as sent, with keys and ids made where they lack', async () => {
    const id = await makeApplication();
    const input = {
      name: 'w',
      description: 'kept',
      triggers: [{ type: 'virtualButton', config: {}, meta: { label: 'Press' }, outputIds: [['a']] }],
      nodes: [node('a', 'b'), node('b'), { type: 'AnyOtherNode', config: { x: { y: [1] } } }],
    };
    const made = done(await command('workflow.create', { applicationId: id, input }));
    expect(made).toMatchObject({ name: 'w', description: 'kept', enabled: true, flowClass: 'cloud' });
    const { triggers, nodes } = made as unknown as { triggers: { key: string }[]; nodes: { id: string }[] };
    expect(triggers[0]?.key).toMatch(/^[0-9a-f]{24}$/);
    expect(nodes[2]?.id).toMatch(/^[0-9a-f]{24}$/);
    const key = triggers[0]?.key;
    const found = await query('workflow.list', { applicationId: id, params: { 'triggerFilter[0][key]': key } });
    expect(done(found)).toMatchObject({ totalCount: 1, items: [{ id: made.id }] });
    const none = await query('workflow.list', { applicationId: id, params: { triggerFilter: '[{"type":"timer"}]' } });
    expect(done(none)['totalCount']).toBe(0);
  });

  it.each([
    ['a circle', { nodes: [node('a', 'b'), node('b', 'a')] }, 'nodes[1].outputIds[0][0]'],
    ['a link to nothing', { nodes: [node('a', 'z')] }, 'nodes[0].outputIds[0][0]'],
    ['a flowClass in a patch', { flowClass: 'cloud' }, 'flowClass'],
    ['a version that does not exist', { defaultVersionId: '0'.repeat(24) }, 'defaultVersionId'],
  ])('a patch with %s is refused and changes nothing', async (_, input, path) => {
    const id = await makeApplication();
    const made = done(await command('workflow.create', { applicationId: id, input: { name: 'w' } }));
    const own = { applicationId: id, id: made.id };
    expect(refused(await command('workflow.update', { ...own, input })).paths).toEqual([path]);
    expect(done(await query('workflow.get', own))['nodes']).toEqual([]);
  });

  it('say who made them, and who changed them last', async () => {
    const id = await makeApplication();
    const by = (actor: string): Partial<Command> => ({ applicationId: id, actor: { type: 'apiToken', id: actor } });
    const made = done(await command('workflow.create', { ...by('maker'), input: { name: 'w' } }));
    const authors = { createdById: 'maker', createdByType: 'apiToken', lastUpdatedById: 'maker', lastUpdatedByType: 'apiToken' };
    expect(made).toMatchObject(authors);
    const same = done(await command('workflow.update', { ...by('idler'), id: made.id, input: { name: 'w' } }));
    expect(same).toMatchObject(authors);
    const changed = done(await command('workflow.update', { ...by('changer'), id: made.id, input: { name: 'x' } }));
    expect(changed).toMatchObject({ ...authors, lastUpdatedById: 'changer' });
    const version = done(await command('flowVersion.create', { ...by('maker'), parentId: made.id, input: { version: 'v1' } }));
    expect(version).toMatchObject(authors);
  });

  it('beyond 512 KB are refused', async () => {
    const id = await makeApplication();
    const nodes = Array.from({ length: 20 }, (_, index) => ({ id: `n${index}`, type: 'X', config: { text: 'x'.repeat(30_000) } }));
    expect(refused(await command('workflow.create', { applicationId: id, input: { name: 'w', nodes } })).type).toBe('TooLarge');
  });

  it('nested beyond reason are refused', async () => {
    const id = await makeApplication();
    let deep: unknown = 1;
    for (let level = 0; level < 3_000; level++) deep = [deep];
    const input = { name: 'w', nodes: [{ type: 'X', config: { deep } }] };
    expect(refused(await command('workflow.create', { applicationId: id, input })).type).toBe('Validation');
  });
});

describe('tokens', () => {
  it('show themselves once; what is stored is the hash, and a gateway finds them by it', async () => {
    const id = await makeApplication();
    const made = done(
      await command('token.create', { applicationId: id, scopes: ['all.Application'], input: { name: 't', scope: ['integration.*'] } }),
    );
    expect(made['token']).toMatch(/^[\w-]{43}$/);
    const read = done(await query('token.get', { applicationId: id, id: made.id }));
    expect(read).not.toHaveProperty('token');
    expect(read).toMatchObject({ scope: ['integration.*'], status: 'active', ownerId: id });
    const change = await onBus('token', made.id, made.position);
    const found = await query('token.lookup', { params: { tokenHash: change?.state?.tokenHash } });
    expect(done(found).id).toBe(made.id);
    expect(await query('token.lookup', { params: { tokenHash: 'none' } })).toMatchObject({ ok: true, result: null });
    const patched = done(await command('token.update', { applicationId: id, id: made.id, input: { status: 'inactive' } }));
    expect((await onBus('token', made.id, patched.position))?.state?.status).toBe('inactive');
    expect(refused(await command('token.update', { applicationId: id, id: made.id, input: { scope: ['all.Application'] } })).paths).toEqual(
      ['scope'],
    );
  });

  it("can't give more than they have", async () => {
    const id = await makeApplication();
    const envelope = { applicationId: id, scopes: ['integration.*', 'applicationApiTokens.post'] };
    expect(refused(await command('token.create', { ...envelope, input: { name: 't', scope: ['all.Application'] } })).type).toBe(
      'Forbidden',
    );
    expect((await command('token.create', { ...envelope, input: { name: 't', scope: ['integration.get'] } })).ok).toBe(true);
  });

  it("the instance's own is there from the start", async () => {
    expect(done(await query('token.lookup', { params: { tokenHash: HASH } }))).toMatchObject({
      applicationId: '-',
      scope: ['all.Instance'],
    });
  });
});

describe('a command', () => {
  it('repeated under its key has the same outcome, a token its same text', async () => {
    const id = await makeApplication();
    const key = { applicationId: id, ...INSTANCE };
    const twice = async (subject: string, envelope: Partial<Command>): Promise<[Reply, Reply]> => {
      const keyed = { ...envelope, idempotencyKey: randomBytes(8).toString('hex') };
      return [await command(subject, keyed), await command(subject, keyed)];
    };
    const [first, second] = await twice('token.create', { ...key, input: { name: 't' } });
    expect(second).toEqual(first);
    const [made, again] = await twice('integration.create', { ...key, input: mqtt({ username: 'u', password: 'p' }) });
    expect(again).toEqual(made);
    expect(done(await query('integration.list', { applicationId: id }))['totalCount']).toBe(1);
    const [gone, still] = await twice('integration.delete', { ...key, id: done(made).id });
    expect(still).toEqual(gone);
    const keyed = { ...key, idempotencyKey: 'at once', input: mqtt() };
    const atOnce = await Promise.all(Array.from({ length: 5 }, () => command('integration.create', keyed)));
    expect(new Set(atOnce.map((reply) => done(reply).id)).size).toBe(1);
  });

  it('on what many others change at the same time waits for its turn', async () => {
    const id = await makeApplication();
    const own = { applicationId: id, id };
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, index) => command('application.setGlobals', { ...own, input: [{ key: `k${index}`, json: '1' }] })),
    );
    expect(all.filter((reply) => !reply.ok)).toEqual([]);
    expect(done(await query('application.get', own))['globals']).toHaveLength(60);
  });

  it('in a form that is none is refused, not left without an answer', async () => {
    expect(refused(await ask('command.integration.create', { nonsense: true })).type).toBe('Validation');
    expect(refused(await command('integration.create', { applicationId: await makeApplication(), input: undefined })).type).toBe(
      'Validation',
    );
  });
});

describe('another tenant', () => {
  it('finds nothing of this one: 404 for every command and query', async () => {
    const [mine, foreign] = [await makeApplication(), await makeApplication()];
    const integration = await makeIntegration(mine);
    const workflow = done(await command('workflow.create', { applicationId: mine, input: { name: 'w' } }));
    const token = done(await command('token.create', { applicationId: mine, ...INSTANCE, input: { name: 't' } }));
    const targets = { application: mine, integration: integration.id, workflow: workflow.id, token: token.id };
    for (const [kind, id] of Object.entries(targets)) {
      const envelope = { applicationId: foreign, id, input: { name: 'taken' }, ...INSTANCE };
      const replies = [
        await query(`${kind}.get`, envelope),
        await command(`${kind}.update`, envelope),
        await command(`${kind}.delete`, envelope),
      ];
      expect(replies.map((reply) => refused(reply).type)).toEqual(['NotFound', 'NotFound', 'NotFound']);
    }
    const draft = { applicationId: foreign, id: integration.id };
    for (const input of [null, { name: 'taken' }])
      expect(refused(await command('integration.draft', { ...draft, input })).type).toBe('NotFound');
    expect(refused(await command('application.setGlobals', { applicationId: foreign, id: mine, input: [] })).type).toBe('NotFound');
    for (const kind of ['integration', 'workflow', 'token']) {
      expect(done(await query(`${kind}.list`, { applicationId: foreign }))['totalCount']).toBe(0);
      const unknown = { applicationId: 'f'.repeat(24), ...INSTANCE, input: kind === 'integration' ? mqtt() : { name: 'x' } };
      expect(refused(await query(`${kind}.list`, unknown)).type).toBe('NotFound');
      expect(refused(await command(`${kind}.create`, unknown)).type).toBe('NotFound');
    }
    expect(done(await query('integration.get', { applicationId: mine, id: integration.id }))['name']).toBe('Broker');
  });
});

describe('the service', () => {
  it('says that it is away while PostgreSQL is, and goes on by itself', async () => {
    const id = await makeApplication();
    await postgres.kill();
    expect(refused(await query('integration.list', { applicationId: id })).type).toBe('Unavailable');
    expect(refused(await command('integration.create', { applicationId: id, input: mqtt() })).type).toBe('Unavailable');
    await expect.poll(() => service.ready().ok).toBe(false);
    await postgres.start();
    await expect.poll(() => service.ready().ok, { timeout: 10_000 }).toBe(true);
    const made = await makeIntegration(id);
    expect((await onBus('integration', made.id, Number(made['position'])))?.version).toBe(1);
  });

  it('answers and publishes again after nats-server was killed', async () => {
    const id = await makeApplication();
    await nats.restart();
    await expect.poll(() => service.ready().ok, { timeout: 15_000 }).toBe(true);
    await expect
      .poll(async () => (await command('integration.create', { applicationId: id, input: mqtt() })).ok, { timeout: 15_000 })
      .toBe(true);
    await expect
      .poll(() => changes.some((change) => change.applicationId === id && change.kind === 'integration'), { timeout: 15_000 })
      .toBe(true);
  });

  it('publishes what its predecessor stored and did not publish, and stops twice without harm', async () => {
    await service.stop();
    await service.stop();
    service = await start();
    const id = await makeApplication();
    expect(id).toMatch(/^[0-9a-f]{24}$/);
  });
});

describe('versions of a workflow', () => {
  const button = (key: string): object => ({ type: 'virtualButton', key, outputIds: [['d']] });
  const debug = { id: 'd', type: 'DebugNode', outputIds: [[]] };
  const made = async (input: object = {}): Promise<{ applicationId: string; flowId: string }> => {
    const applicationId = await makeApplication();
    const { id } = done(
      await command('workflow.create', { applicationId, input: { name: 'Flow', triggers: [button('own')], nodes: [debug], ...input } }),
    );
    return { applicationId, flowId: id };
  };
  const version = (of: { applicationId: string; flowId: string }, input: object): Promise<Reply> =>
    command('flowVersion.create', { applicationId: of.applicationId, parentId: of.flowId, input });

  it('are created, read, listed, changed in notes and switch alone, and deleted', async () => {
    const of = await made();
    const { applicationId, flowId: parentId } = of;
    const one = done(await version(of, { version: 'v1', notes: 'first', triggers: [{ type: 'timer', config: { seconds: 5 } }] }));
    expect(one).toMatchObject({
      flowVersionId: one.id,
      flowId: parentId,
      applicationId,
      version: 'v1',
      notes: 'first',
      enabled: true,
      nodes: [],
      globals: [],
    });
    expect((one['triggers'] as { key: string }[])[0]?.key).toMatch(/^[0-9a-f]{24}$/);
    done(await version(of, { version: 'v2', triggers: [button('b')], nodes: [debug] }));
    expect(done(await query('flowVersion.get', { applicationId, parentId, id: one.id }))).toMatchObject({ version: 'v1' });
    const listed = done(await query('flowVersion.list', { applicationId, parentId, params: { sortDirection: 'desc' } }));
    expect(listed).toMatchObject({ totalCount: 2, flowId: parentId, items: [{ version: 'v2' }, { version: 'v1' }] });
    const patched = await command('flowVersion.update', { applicationId, parentId, id: one.id, input: { notes: 'new', enabled: false } });
    expect(done(patched)).toMatchObject({ version: 'v1', notes: 'new', enabled: false });
    expect(refused(await command('flowVersion.update', { applicationId, parentId, id: one.id, input: { nodes: [] } })).type).toBe(
      'Validation',
    );
    expect(done(await command('flowVersion.delete', { applicationId, parentId, id: one.id }))).toMatchObject({ success: true });
    expect(refused(await query('flowVersion.get', { applicationId, parentId, id: one.id })).type).toBe('NotFound');
  });

  it('are refused where they can not be run, or their name is taken', async () => {
    const of = await made();
    done(await version(of, { version: 'v1' }));
    expect(refused(await version(of, { version: 'v1' })).paths).toEqual(['version']);
    expect(refused(await version(of, {})).paths).toEqual(['version']);
    expect(refused(await version(of, { version: 'v2', triggers: [button('x')] })).paths).toEqual(['triggers[0].outputIds[0][0]']);
    expect(refused(await version(of, { version: 'v2', triggers: [{ type: 'timer', config: { cron: '* *' } }] })).paths).toEqual([
      'triggers[0].config.cron',
    ]);
  });

  it('belong to one workflow of one tenant', async () => {
    const [of, other] = [await made(), await made()];
    const { id } = done(await version(of, { version: 'v1' }));
    const twin = {
      applicationId: of.applicationId,
      parentId: done(await command('workflow.create', { applicationId: of.applicationId, input: { name: 'Twin' } })).id,
    };
    for (const wrong of [
      { applicationId: other.applicationId, parentId: of.flowId },
      { applicationId: other.applicationId, parentId: other.flowId },
      twin,
    ]) {
      expect(refused(await query('flowVersion.get', { ...wrong, id })).type).toBe('NotFound');
      expect(refused(await command('flowVersion.update', { ...wrong, id, input: { notes: 'x' } })).type).toBe('NotFound');
      expect(refused(await command('flowVersion.delete', { ...wrong, id })).type).toBe('NotFound');
    }
    const input = { defaultVersionId: id };
    expect(refused(await command('workflow.update', { applicationId: of.applicationId, id: twin.parentId, input })).paths).toEqual([
      'defaultVersionId',
    ]);
    expect(refused(await command('workflow.update', { applicationId: other.applicationId, id: other.flowId, input })).paths).toEqual([
      'defaultVersionId',
    ]);
  });

  it('one is the default by which the workflow runs, follows it, and can not be deleted meanwhile', async () => {
    const of = await made();
    const { applicationId, flowId } = of;
    const one = done(await version(of, { version: 'v1', triggers: [button('b')], nodes: [debug] }));
    const pinned = done(await command('workflow.update', { applicationId, id: flowId, input: { defaultVersionId: one.id } }));
    expect(pinned).toMatchObject({ defaultVersionId: one.id, triggers: [{ key: 'own' }] });
    const lists = { triggers: [button('b')], nodes: [debug], globals: [] };
    expect((await onBus('workflow', flowId, pinned.position))?.state).toMatchObject({
      triggers: [{ key: 'own' }],
      defaultVersion: { id: one.id, version: 'v1', enabled: true, ...lists },
    });
    const off = done(await command('flowVersion.update', { applicationId, parentId: flowId, id: one.id, input: { enabled: false } }));
    expect((await onBus('workflow', flowId, off.position))?.state).toMatchObject({
      defaultVersion: { id: one.id, enabled: false, ...lists },
    });
    expect(refused(await command('flowVersion.delete', { applicationId, parentId: flowId, id: one.id })).type).toBe('Conflict');
    const free = done(await command('workflow.update', { applicationId, id: flowId, input: { defaultVersionId: null } }));
    expect(free).not.toHaveProperty('defaultVersionId');
    expect((await onBus('workflow', flowId, free.position))?.state).not.toHaveProperty('defaultVersion');
    done(await command('flowVersion.delete', { applicationId, parentId: flowId, id: one.id }));
  });

  it('a default is what its version is, whoever changes which first', async () => {
    const of = await made();
    const { applicationId, flowId } = of;
    const { id } = done(await version(of, { version: 'v1' }));
    const choose = () => command('workflow.update', { applicationId, id: flowId, input: { defaultVersionId: id } });
    const leave = () => command('workflow.update', { applicationId, id: flowId, input: { defaultVersionId: null } });
    const turn = (enabled: boolean) => command('flowVersion.update', { applicationId, parentId: flowId, id, input: { enabled } });
    for (let round = 0; round < 60; round++) {
      done(await leave());
      const [chosen, turned] = await Promise.all([choose(), turn(round % 2 === 1)]);
      const position = Math.max(done(chosen).position, done(turned).position);
      expect((await onBus('workflow', flowId, position))?.state).toMatchObject({ defaultVersion: { enabled: round % 2 === 1 } });
    }
  });

  it('go with their workflow', async () => {
    const of = await made();
    const { applicationId, flowId: parentId } = of;
    const { id } = done(await version(of, { version: 'v1' }));
    done(await command('workflow.update', { applicationId, id: parentId, input: { defaultVersionId: id } }));
    expect(done(await command('workflow.delete', { applicationId, id: parentId }))).toMatchObject({ success: true });
    expect(refused(await query('flowVersion.list', { applicationId, parentId })).type).toBe('NotFound');
    expect(refused(await query('flowVersion.get', { applicationId, parentId, id })).type).toBe('NotFound');
    expect(refused(await query('workflow.get', { applicationId, id: parentId })).type).toBe('NotFound');
  });
});
