import type { CredentialState } from '#lib/contracts';
import { seal, SecretKeys } from '#lib/secrets';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { node } from '../../../test/builders/runs.ts';
import { newId } from '../../../test/harness/dispatch.ts';
import { startHttpServer, type TestHttpServer } from '../../../test/servers/http.ts';
import { MASTER_KEY } from '../../../test/servers/master-key.ts';
import { RunnerHarness } from '../../../test/harness/runner.ts';

let harness: RunnerHarness;
let http: TestHttpServer;

beforeAll(async () => {
  [harness, http] = await Promise.all([RunnerHarness.start(), startHttpServer()]);
});
afterEach(async () => {
  await harness.clear();
  http.requests.length = 0;
});
afterAll(() => Promise.all([harness.stop(), http.stop()]));

describe('an HTTP request of a run', () => {
  it("carries the application's credential, as it is now", async () => {
    await harness.startRunner();
    const to = await harness.tenant(() => [
      node('h', 'HttpNode', {
        uriTemplate: '/in',
        method: 'POST',
        authType: 'credential',
        credentialNameTemplate: 'api',
        bodyTemplate: '{{data.message}}',
      }),
    ]);
    const { applicationId } = to;
    const { wrapped, key } = new SecretKeys(MASTER_KEY).newDataKey(applicationId);
    await harness.bus.kv('KEYS').put(applicationId, Buffer.from(wrapped));
    const id = newId();
    const configured = async (secret: string): Promise<number> => {
      const secretValue = seal(key, secret, { applicationId, resourceId: id, field: 'secretValue' });
      const state: CredentialState = {
        id,
        applicationId,
        name: 'api',
        enabled: true,
        type: 'http',
        config: { uriMatch: http.url, authMethod: 'header', publicValue: 'x-api', secretValue },
        creationDate: '2026-01-01T00:00:00.000Z',
        lastUpdated: '2026-01-01T00:00:00.000Z',
      };
      return await harness.configure('credential', state);
    };
    await harness.publish(to, 1, { decidedAt: await configured('first') });
    await expect.poll(() => http.requests.length).toBe(1);
    await harness.publish(to, 2, { decidedAt: await configured('second') });
    await expect.poll(() => http.requests.length).toBe(2);
    expect(http.requests.map(({ body, headers }) => [body, headers['x-api']])).toEqual([
      ['1', 'first'],
      ['2', 'second'],
    ]);
  });

  it('is made again when its process was killed meanwhile', { timeout: 240_000 }, async () => {
    http.on('/slow', (_, response) => void (http.requests.length > 1 && response.end()));
    const to = await harness.tenant(() => [node('h', 'HttpNode', { uriTemplate: `${http.url}/slow` })]);
    const child = await harness.spawn();
    await harness.publish(to, 1);
    await expect.poll(() => http.requests.length, { timeout: 60_000 }).toBe(1);
    await harness.kill(child);
    await harness.spawn();
    await expect.poll(() => harness.attemptsOf(to), { timeout: 60_000 }).toEqual([[`${to.workflowId}-1`, 2, 'succeeded']]);
    expect(http.requests).toHaveLength(2);
  });

  it('is not made again when its answer had come, and its run has that answer', { timeout: 240_000 }, async () => {
    const asked = await startHttpServer();
    asked.on('/order', (_, response) => response.writeHead(201, { 'x-n': '7' }).end(`{"n": "${asked.requests.length}\u0000"}`));
    asked.on('/large', (_, response) => response.end('x'.repeat(300_000)));
    asked.on('/slow', (_, response) => void (asked.requests.length > 3 && response.end()));
    const to = await harness.tenant(() => [
      node('order', 'HttpNode', { uriTemplate: `${asked.url}/order`, method: 'POST', responsePath: 'working.order' }, ['large']),
      node('large', 'HttpNode', { uriTemplate: `${asked.url}/large`, method: 'PUT' }, ['slow']),
      node('slow', 'HttpNode', { uriTemplate: `${asked.url}/slow?{{working.order.statusCode}}-{{jsonEncode working.order.body}}` }),
    ]);
    const child = await harness.spawn();
    await harness.publish(to, 1);
    await expect.poll(() => asked.requests.length, { timeout: 60_000 }).toBe(3);
    await harness.kill(child);
    await harness.spawn();
    await expect.poll(() => harness.attemptsOf(to), { timeout: 60_000 }).toEqual([[`${to.workflowId}-1`, 2, 'succeeded']]);
    const [order, large, slow, ...after] = asked.requests.map(({ url }) => url);
    expect([order, large]).toEqual(['/order', '/large']);
    expect(after).toEqual(['/large', slow]); // an answer too large to keep: that request is made again
    await asked.stop();
  });
});
