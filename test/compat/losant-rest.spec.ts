import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from '../product/product.ts';
import { type Client, createClient, misfits, type Refusal } from './client.ts';

/** Losant's own client, version 2.8.1, as its users drive it; what is newer than it goes over plain HTTP elsewhere. */
let product: Product;
let client: Client;
let applicationId: string;

beforeAll(async () => {
  product = await Product.start({ SLUICE_DEMO: 'off' });
  client = createClient(product.url, product.adminToken);
  const made = await client.applications.post({ application: { name: 'Compat', description: 'made by losant-rest' } });
  applicationId = String(made['id']);
});
afterAll(() => product.stop());

const refusal = async (promise: Promise<unknown>): Promise<Refusal> => {
  try {
    await promise;
  } catch (error) {
    return error as Refusal;
  }
  throw new Error('it was not refused');
};

const idsOf = (list: Record<string, unknown>): string[] => (list['items'] as { id: string }[]).map(({ id }) => id);

describe('applications', () => {
  it('are made, read, changed, listed and deleted', async () => {
    const made = await client.applications.post({ application: { name: 'Another' } });
    const id = String(made['id']);
    expect(made).toMatchObject({ applicationId: id, name: 'Another' });
    expect(misfits('application', made)).toEqual([]);
    expect(await client.application.get({ applicationId: id })).toEqual(made);
    const changed = await client.application.patch({ applicationId: id, application: { name: 'Renamed', description: 'x' } });
    expect(changed).toMatchObject({ name: 'Renamed', description: 'x' });
    const listed = await client.applications.get({ filterField: 'name', filter: 'Rena*' });
    expect(idsOf(listed)).toEqual([id]);
    expect(misfits('applications', listed)).toEqual([]);
    expect(await client.application.delete({ applicationId: id })).toEqual({ success: true });
    expect(await refusal(client.application.get({ applicationId: id }))).toMatchObject({ statusCode: 404, type: 'NotFound' });
  });

  it('have globals, set and removed one by one', async () => {
    const globals = (entries: object[]) => client.application.globals({ applicationId, globals: entries });
    const set = await globals([
      { key: 'limit', json: '{"high":30}', description: 'of the room' },
      { key: 'unit', json: '"C"' },
    ]);
    expect(misfits('application', set)).toEqual([]);
    const left = await globals([{ key: 'unit', json: null }]);
    expect(left['globals']).toEqual([{ key: 'limit', json: '{"high":30}', description: 'of the room' }]);
  });

  it('count payloads', async () => {
    expect(misfits('payloadCounts', await client.application.payloadCounts({ applicationId, start: 0, end: Date.now() }))).toEqual([]);
  });
});

describe('integrations', () => {
  const mqttConfig = { protocol: 'mqtt', host: '127.0.0.1', port: 1, username: 'me', password: 'opensesame' };

  it('are made, read, changed, listed and deleted; a secret that was read back is kept', async () => {
    const integration = { name: 'Broker', integrationType: 'mqtt', topics: ['a/#'], enabled: false, mqttConfig };
    const made = await client.integrations.post({ applicationId, integration });
    const integrationId = String(made['id']);
    expect(made).toMatchObject({ integrationId, applicationId, name: 'Broker', integrationType: 'mqtt', enabled: false, topics: ['a/#'] });
    expect(misfits('integration', made)).toEqual([]);
    expect(JSON.stringify(made)).not.toContain('opensesame');
    const read = await client.integration.get({ applicationId, integrationId });
    const config = read['mqttConfig'] as Record<string, unknown>;
    const changed = await client.integration.patch({ applicationId, integrationId, integration: { name: 'Renamed', mqttConfig: config } });
    expect(changed).toMatchObject({ name: 'Renamed', mqttConfig: config });
    const listed = await client.integrations.get({ applicationId, filterField: 'integrationType', filter: 'mqtt', sortDirection: 'desc' });
    expect(listed).toMatchObject({ count: 1, totalCount: 1, filterField: 'integrationType', applicationId });
    expect(misfits('integrations', listed)).toEqual([]);
    expect(await client.integration.delete({ applicationId, integrationId, includeWorkflows: 'false' })).toEqual({ success: true });
    expect((await refusal(client.integration.get({ applicationId, integrationId }))).statusCode).toBe(404);
  });

  it('with something wrong are refused, the field named', async () => {
    const integration = { name: 'Broker', integrationType: 'mqtt', mqttConfig: { ...mqttConfig, port: 'here' } };
    const refused = await refusal(client.integrations.post({ applicationId, integration }));
    expect(refused).toMatchObject({ statusCode: 400, type: 'Validation' });
    expect(refused.message).toContain('mqttConfig.port');
  });

  it('take the workflows they start with them, when asked', async () => {
    const integration = { name: 'Gone', integrationType: 'mqtt', enabled: false, mqttConfig };
    const integrationId = String((await client.integrations.post({ applicationId, integration }))['id']);
    const triggers = [{ type: 'integration', key: integrationId, config: {}, meta: { category: 'trigger', name: 'mqtt' }, outputIds: [] }];
    const flowId = String((await client.flows.post({ applicationId, flow: { name: 'Gone too', triggers } }))['id']);
    await client.integration.delete({ applicationId, integrationId, includeWorkflows: 'true' });
    expect((await refusal(client.flow.get({ applicationId, flowId }))).statusCode).toBe(404);
  });
});

describe('flows', () => {
  it('are made, read, changed, found by trigger, pressed and deleted', async () => {
    const trigger = {
      type: 'virtualButton',
      key: 'press-me',
      config: {},
      meta: { category: 'trigger', label: 'Press', payload: '{}' },
      outputIds: [['d']],
    };
    const node = { id: 'd', type: 'DebugNode', config: {}, meta: { category: 'output', name: 'debug', label: 'Debug' }, outputIds: [[]] };
    const made = await client.flows.post({ applicationId, flow: { name: 'Button', triggers: [trigger], nodes: [node] } });
    const flowId = String(made['id']);
    expect(made).toMatchObject({ flowId, applicationId, name: 'Button', enabled: true });
    expect(misfits('flow', made)).toEqual([]);
    expect(await client.flow.get({ applicationId, flowId })).toEqual(made);
    const changed = await client.flow.patch({ applicationId, flowId, flow: { description: 'changed' } });
    expect(changed).toMatchObject({ description: 'changed', name: 'Button' });
    const found = await client.flows.get({ applicationId, triggerFilter: [{ type: 'virtualButton', key: 'press-me' }] });
    expect(idsOf(found)).toEqual([flowId]);
    expect(misfits('flows', found)).toEqual([]);
    expect(idsOf(await client.flows.get({ applicationId, triggerFilter: [{ type: 'virtualButton', key: 'other' }] }))).toEqual([]);
    const button = { key: 'press-me', payload: { pressed: true } };
    expect(await client.flow.pressVirtualButton({ applicationId, flowId, button })).toEqual({ success: true });
    expect(await client.flow.delete({ applicationId, flowId })).toEqual({ success: true });
  });
});

describe('versions of a flow', () => {
  it('are made, read, changed, listed, chosen as the default, pressed and deleted', async () => {
    const node = { id: 'd', type: 'DebugNode', config: {}, meta: { category: 'output', name: 'debug', label: 'Debug' }, outputIds: [[]] };
    const trigger = (key: string): object => ({ type: 'virtualButton', key, config: {}, outputIds: [['d']] });
    const flow = { name: 'Versioned', triggers: [trigger('develop-only')], nodes: [node] };
    const flowId = String((await client.flows.post({ applicationId, flow }))['id']);
    const flowVersion = { version: 'v1', notes: 'first', triggers: [trigger('v1-only')], nodes: [node] };
    const made = await client.flowVersions.post({ applicationId, flowId, flowVersion });
    const flowVersionId = String(made['id']);
    expect(misfits('flowVersion', made)).toEqual([]);
    expect(made).toMatchObject({ flowVersionId, flowId, applicationId, version: 'v1', notes: 'first', enabled: true });
    expect(await client.flowVersion.get({ applicationId, flowId, flowVersionId })).toEqual(made);
    const changed = await client.flowVersion.patch({ applicationId, flowId, flowVersionId, flowVersion: { notes: 'changed' } });
    expect(changed).toMatchObject({ version: 'v1', notes: 'changed' });
    const listed = await client.flowVersions.get({ applicationId, flowId, filterField: 'version', filter: 'v*' });
    expect(idsOf(listed)).toEqual([flowVersionId]);
    expect(misfits('flowVersions', listed)).toEqual([]);

    const pinned = await client.flow.patch({ applicationId, flowId, flow: { defaultVersionId: flowVersionId } });
    expect(pinned).toMatchObject({ defaultVersionId: flowVersionId });
    expect(misfits('flow', pinned)).toEqual([]);
    const press = (button: object) => client.flow.pressVirtualButton({ applicationId, flowId, button });
    await expect.poll(() => press({ key: 'v1-only', flowVersion: 'v1' }).catch(() => 'not yet')).toEqual({ success: true });
    expect(await refusal(press({ key: 'develop-only' }))).toMatchObject({ statusCode: 400 });
    expect(await refusal(press({ key: 'v1-only', flowVersion: 'v0' }))).toMatchObject({ statusCode: 400 });
    expect(await refusal(client.flowVersion.delete({ applicationId, flowId, flowVersionId }))).toMatchObject({ statusCode: 409 });
    await client.flow.patch({ applicationId, flowId, flow: { defaultVersionId: null } });
    await expect.poll(() => press({ key: 'develop-only' }).catch(() => 'not yet')).toEqual({ success: true });
    expect(await client.flowVersion.delete({ applicationId, flowId, flowVersionId })).toEqual({ success: true });
    expect(await client.flow.delete({ applicationId, flowId })).toEqual({ success: true });
  });
});

describe('tokens', () => {
  it('are made, shown once, used, changed, listed and deleted', async () => {
    const token = { name: 'Reader', scope: ['all.Application.read'], status: 'active' };
    const made = await client.applicationApiTokens.post({ applicationId, apiToken: token });
    const apiTokenId = String(made['id']);
    expect(misfits('apiToken', made)).toEqual([]);
    expect(made).toMatchObject({ ownerId: applicationId, ownerType: 'application', scope: ['all.Application.read'] });
    const reader = createClient(product.url, String(made['token']));
    expect(await reader.application.get({ applicationId })).toMatchObject({ id: applicationId });
    expect(idsOf(await reader.applications.get({}))).toEqual([applicationId]);
    expect(await refusal(reader.application.patch({ applicationId, application: { name: 'x' } }))).toMatchObject({ statusCode: 403 });
    const read = await client.applicationApiToken.get({ applicationId, apiTokenId });
    expect(read['token']).toBeUndefined();
    const listed = await client.applicationApiTokens.get({ applicationId });
    expect(idsOf(listed)).toEqual([apiTokenId]);
    expect(misfits('apiTokens', listed)).toEqual([]);
    await client.applicationApiToken.patch({ applicationId, apiTokenId, apiToken: { status: 'inactive' } });
    expect(await refusal(reader.application.get({ applicationId }))).toMatchObject({ statusCode: 401, type: 'Unauthorized' });
    expect(await client.applicationApiToken.delete({ applicationId, apiTokenId })).toEqual({ success: true });
  });
});
