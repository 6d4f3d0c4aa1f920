import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APPLICATION_SCOPES, OPERATIONS, type Operation } from '#lib/contracts';
import { aToken } from '../harness/scripted-config.ts';
import { APP, FOREIGN, startedGateway, type StartedGateway } from '../harness/gateway.ts';
import { recordFigure } from './figures.ts';

let gateway: StartedGateway;
beforeAll(async () => {
  gateway = await startedGateway();
  // Whatever reaches config is a leak: it would answer with what only the other tenant may see.
  gateway.config.answer(() => ({ ok: true, result: { leaked: 'leaked' } }));
});
afterAll(() => gateway.stop());

const pathOf = ({ path }: Operation, applicationId: string): string =>
  path.replace(':applicationId', applicationId).replaceAll(/:\w+/g, 'cccccccccccccccccccccccc');

interface Made {
  readonly operation: string;
  readonly scope: string;
  readonly status: number;
  readonly leaked: boolean;
}

async function make(operation: Operation, applicationId: string, token: string): Promise<Made> {
  const body = operation.method === 'GET' ? undefined : operation.body === undefined ? {} : { name: 'x' };
  const answer = await gateway.call(operation.method, pathOf(operation, applicationId), { token, body });
  return { operation: operation.id, scope: token, status: answer.status, leaked: JSON.stringify(answer.body).includes('leaked') };
}

describe('promise 19', () => {
  it("every call on another tenant's application is 404, whatever the token's scopes", { timeout: 120_000 }, async () => {
    const inApplication = OPERATIONS.filter(({ path }) => path.includes(':applicationId'));
    const tokens = new Map<string, string>([['app', '']]);
    for (const [index, scope] of APPLICATION_SCOPES.entries()) {
      const id = index.toString(16).padStart(24, 'f');
      await gateway.config.publish('token', id, aToken(id, `token-${scope}`, { applicationId: APP, scope: [scope] }));
      tokens.set(`token-${scope}`, scope);
    }
    const newest = [...tokens.keys()].at(-1);
    await expect.poll(async () => (await gateway.call('GET', `/applications/${APP}`, { token: newest ?? '' })).status).not.toBe(401);
    gateway.config.asked.length = 0;
    const made: Made[] = [];
    for (const operation of inApplication) for (const token of tokens.keys()) made.push(await make(operation, FOREIGN, token));
    const wrong = made.filter(({ status, leaked }) => status !== 404 || leaked);
    recordFigure({
      promise: 19,
      what: `${inApplication.length} routes × ${tokens.size} tokens of another tenant`,
      figure: `${made.length - wrong.length} of ${made.length} answered 404, ${made.filter(({ leaked }) => leaked).length} leaks`,
      holds: wrong.length === 0 && gateway.config.asked.length === 0,
    });
    expect(wrong).toEqual([]);
    expect(gateway.config.asked).toEqual([]);
  });

  it('a token that may only read never writes, and reads all it may', async () => {
    const writes = OPERATIONS.filter(({ method }) => method !== 'GET');
    const made: Made[] = [];
    for (const operation of writes) made.push(await make(operation, APP, 'reader'));
    const wrong = made.filter(({ status, leaked }) => status !== 403 || leaked);
    const reads = OPERATIONS.filter(({ method, stream }) => method === 'GET' && stream === undefined);
    const read: Made[] = [];
    gateway.config.answer(() => ({ ok: true, result: { items: [] } }));
    for (const operation of reads) read.push(await make(operation, APP, 'reader'));
    recordFigure({
      promise: 19,
      what: `a token of scope all.Application.read on ${writes.length} routes that write`,
      figure: `${made.length - wrong.length} of ${writes.length} refused with 403`,
      holds: wrong.length === 0,
    });
    expect(wrong).toEqual([]);
    expect(read.filter(({ status }) => status !== 200)).toEqual([]);
  });
});
