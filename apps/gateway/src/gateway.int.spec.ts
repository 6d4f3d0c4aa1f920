import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Reply, StatusRecord } from '#lib/contracts';
import { aToken } from '../../../test/harness/scripted-config.ts';
import { APP, FOREIGN, INTEGRATION, startedGateway, type StartedGateway } from '../../../test/harness/gateway.ts';
import { tokenHashOf } from './api/token-book.ts';

const BASE = `/applications/${APP}`;
const ok = (result: unknown, position?: number): Reply => ({ ok: true, result, ...(position === undefined ? {} : { position }) });

let gateway: StartedGateway;
beforeAll(async () => {
  gateway = await startedGateway();
});
afterAll(() => gateway.stop());
beforeEach(() => gateway.config.answer(() => undefined));

describe('commands and queries', () => {
  it('go to config with tenant, id, actor, scopes, key and parsed parameters, and come back with the right status', async () => {
    gateway.config.answer(() => ok({ id: INTEGRATION, applicationId: APP }));
    const made = await gateway.call('POST', `${BASE}/integrations`, { body: { name: 'x' }, headers: { 'idempotency-key': 'k1' } });
    expect(made.status).toBe(201);
    expect(gateway.config.last).toMatchObject({
      subject: 'command.integration.create',
      data: {
        applicationId: APP,
        actor: { type: 'apiToken', id: '222222222222222222222222' },
        scopes: ['all.Application'],
        idempotencyKey: 'k1',
        instance: false,
        input: { name: 'x' },
      },
    });
    const gone = await gateway.call('DELETE', `${BASE}/integrations/${INTEGRATION}?includeWorkflows=true&_links=true`, { body: {} });
    expect(gone.status).toBe(200);
    expect(gateway.config.last).toMatchObject({
      subject: 'command.integration.delete',
      data: { id: INTEGRATION, params: { includeWorkflows: true } },
    });
    await gateway.call(
      'GET',
      `${BASE}/flows?triggerFilter[0][type]=integration&triggerFilter[0][key]=${INTEGRATION}&perPage=5&_embedded=false`,
    );
    expect(gateway.config.last).toMatchObject({
      subject: 'query.workflow.list',
      data: { applicationId: APP, params: { perPage: 5, page: 0, triggerFilter: [{ type: 'integration', key: INTEGRATION }] } },
    });
  });

  it("carry an instance's token through to any application", async () => {
    await gateway.call('PATCH', `/applications/${FOREIGN}`, { token: 'admin', body: { limits: { payloads: 1 } } });
    expect(gateway.config.last.data).toMatchObject({ applicationId: FOREIGN, id: FOREIGN, instance: true });
    await gateway.call('POST', '/applications', { token: 'admin', body: { name: 'New' } });
    expect(gateway.config.last.data).toMatchObject({ applicationId: '-', instance: true, input: { name: 'New' } });
  });

  it('answer what config refuses, with its fields', async () => {
    const error = { type: 'Validation' as const, message: 'name is required', errors: [{ path: 'name', message: 'is required' }] };
    gateway.config.answer(() => ({ ok: false, error }));
    const refused = await gateway.call('POST', `${BASE}/flows`, { body: {} });
    expect(refused).toMatchObject({ status: 400, body: error });
  });

  it('answer 503 when config answers nonsense, and say nothing of it', async () => {
    gateway.config.answer(() => ({ nonsense: 'canary' }) as unknown as Reply);
    const refused = await gateway.call('GET', BASE);
    expect(refused).toMatchObject({ status: 503, body: { type: 'Unavailable' } });
    expect(JSON.stringify(refused.body)).not.toContain('canary');
  });
});

describe('tokens', () => {
  it('work at once when new, even before CONFIG tells of them, and stop when revoked', async () => {
    const id = '444444444444444444444444';
    expect((await gateway.call('GET', BASE, { token: 'fresh' })).status).toBe(401);
    const state = aToken(id, 'fresh', { applicationId: APP, scope: ['application.get'] });
    gateway.config.known.set(tokenHashOf('fresh'), state);
    await expect.poll(async () => (await gateway.call('GET', BASE, { token: 'fresh' })).status, { timeout: 900 }).toBe(200);
    await gateway.config.publish('token', id, state);
    gateway.config.known.clear();
    await gateway.config.publish('token', id, { ...state, status: 'inactive' });
    await expect.poll(async () => (await gateway.call('GET', BASE, { token: 'fresh' })).status, { timeout: 1_000 }).toBe(401);
  });

  it('are known here once their creation is answered', async () => {
    const id = '555555555555555555555555';
    gateway.config.answer(() => ok({ id }, gateway.config.nextPosition));
    const making = gateway.call('POST', `${BASE}/tokens`, { body: { name: 'x' } });
    await expect.poll(() => gateway.config.asked.length).toBe(1);
    await gateway.config.publish('token', id, aToken(id, 'made', { applicationId: APP }));
    expect((await making).status).toBe(201);
    expect((await gateway.call('GET', BASE, { token: 'made' })).status).toBe(200);
  });
});

describe('the status of integrations', () => {
  const record: StatusRecord = { state: 'connected', since: 1, appliedVersion: 3, holder: 'c1', service: 'connector-mqtt' };
  const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  const item = { id: INTEGRATION, applicationId: APP, name: 'x' };

  it('is what the connector wrote, while it lives', async () => {
    gateway.config.answer(({ subject }) => ok(subject.endsWith('.list') ? { items: [item, { ...item, id: FOREIGN }] } : item));
    const absent = await gateway.call('GET', `${BASE}/integrations/${INTEGRATION}`);
    expect(absent.body).toMatchObject({ status: { state: 'unknown' } });
    await gateway.bus.kv('STATUS').put(`${APP}.${INTEGRATION}`, bytes(record));
    const dead = await gateway.call('GET', `${BASE}/integrations/${INTEGRATION}`);
    expect(dead.body).toMatchObject({ status: { state: 'unknown', reason: 'The connector that held it does not answer.' } });
    const at = Date.now();
    await gateway.bus.kv('LEASES').put('replica.connector-mqtt.c1', bytes({ at, partitions: 64 }));
    const alive = await gateway.call('GET', `${BASE}/integrations/${INTEGRATION}`);
    expect(alive.body).toMatchObject({ status: { state: 'connected', lastKeepAlive: at, appliedVersion: 3 } });
    const listed = await gateway.call('GET', `${BASE}/integrations`);
    expect(listed.body).toMatchObject({ items: [{ status: { state: 'connected' } }, { status: { state: 'unknown' } }] });
  });
});

describe('the pages about the process', () => {
  it('need no token', async () => {
    expect(await gateway.call('GET', '/healthz', { token: '' })).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await gateway.call('GET', '/readyz', { token: '' })).toMatchObject({ status: 200, body: { ready: true, reasons: [] } });
    gateway.readiness = { ok: false, reason: 'PostgreSQL: away' };
    expect(await gateway.call('GET', '/readyz', { token: '' })).toMatchObject({ status: 503, body: { reasons: ['PostgreSQL: away'] } });
    gateway.readiness = { ok: true };
    expect((await gateway.call('GET', '/openapi.json', { token: '' })).body).toMatchObject({ openapi: '3.1.0' });
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/sluice_http_request_seconds_count\{service="gateway",operation="applications.post",status="201"\} 1/);
    expect((await gateway.call('GET', '/', { token: '' })).body).toMatchObject({ openapi: '/openapi.json' });
  });

  it('tell nosy browsers and caches to keep off', async () => {
    const { headers } = await gateway.call('GET', '/healthz');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('answer OPTIONS and HEAD of what exists', async () => {
    const options = await fetch(`${gateway.url}${BASE}/integrations`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, POST, HEAD, OPTIONS']);
    const head = await fetch(gateway.url + BASE, { method: 'HEAD', headers: { authorization: 'Bearer app' } });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await gateway.call('OPTIONS', '/nowhere')).status).toBe(404);
  });
});

it('logs each request without its headers, query and body', async () => {
  gateway.logLines.length = 0;
  await gateway.call('POST', `${BASE}/flows?note=canaryquery`, { body: { name: 'canarybody' }, headers: { 'x-secret': 'canaryheader' } });
  await expect.poll(() => gateway.logLines.join('')).toContain('"operation":"flows.post"');
  expect(gateway.logLines.join('')).not.toContain('canary');
});
