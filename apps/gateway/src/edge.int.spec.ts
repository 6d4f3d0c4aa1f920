import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Activity,
  appliedSubject,
  type CheckReply,
  CheckRequest,
  checkSubject,
  type ControlReply,
  controlFilter,
  type DeadLetter,
  type IntegrationState,
  inboundSubject,
  outboundSubject,
  partitionOf,
} from '#lib/contracts';
import { aToken } from '../../../test/harness/scripted-config.ts';
import { APP, FOREIGN, INTEGRATION, startedGateway, type StartedGateway } from '../../../test/harness/gateway.ts';

const BASE = `/applications/${APP}`;
const FLOW = 'dddddddddddddddddddddddd';

let gateway: StartedGateway;
beforeAll(async () => {
  gateway = await startedGateway();
});
afterAll(() => gateway.stop());
beforeEach(() => gateway.config.answer(() => undefined));

describe('retry', () => {
  const retry = (id = INTEGRATION) => gateway.call('POST', `${BASE}/integrations/${id}/retry`);

  it('asks the connector that owns the integration', async () => {
    gateway.config.answer(() => ({ ok: true, result: { integrationType: 'mqtt' } }));
    expect(await retry()).toMatchObject({ status: 503, body: { message: 'No connector holds this integration now; try again' } });
    let reply: ControlReply = { ok: true };
    const asked: string[] = [];
    const serving = gateway.bus.serve(controlFilter('mqtt', partitionOf(INTEGRATION)), async (subject, body) => {
      asked.push(`${subject} ${Buffer.from(body).toString()}`);
      return Buffer.from(JSON.stringify(reply));
    });
    await expect.poll(async () => (await retry()).status).toBe(200);
    expect(asked[0]).toBe(`control.mqtt.${partitionOf(INTEGRATION)}.${APP}.${INTEGRATION} {"action":"retry"}`);
    reply = { ok: false, reason: 'the integration is disabled' };
    expect(await retry()).toMatchObject({ status: 409, body: { type: 'Conflict', message: 'the integration is disabled' } });
    await serving.stop();
  });

  it('says what config says of an integration that is not there', async () => {
    gateway.config.answer(() => ({ ok: false, error: { type: 'NotFound', message: 'The integration was not found' } }));
    expect((await retry()).status).toBe(404);
  });
});

describe.each([
  ['a workflow', () => gateway.call('POST', `${BASE}/flows`, { body: { name: 'Saved' } }), 201],
  ['a version', () => gateway.call('PATCH', `${BASE}/flows/${FLOW}/versions/${FLOW}`, { body: { enabled: false } }), 200],
])('a change of %s', (_, change, status) => {
  it('is answered once dispatch decides by it', async () => {
    gateway.config.answer(() => ({ ok: true, result: { id: FLOW }, position: 12 }));
    const asked: unknown[] = [];
    let apply = (): void => undefined;
    const applied = new Promise<void>((resolve) => (apply = resolve));
    const serving = gateway.bus.serve(appliedSubject(partitionOf(APP)), async (__, body) => {
      asked.push(JSON.parse(Buffer.from(body).toString()));
      await applied;
      return new Uint8Array();
    });
    let answered = false;
    const answer = change().finally(() => (answered = true));
    await expect.poll(() => asked).toEqual([{ eventPosition: 12 }]);
    expect(answered).toBe(false);
    apply();
    expect((await answer).status).toBe(status);
    await serving.stop();
  });

  it('is answered without a dispatch too', async () => {
    gateway.config.answer(() => ({ ok: true, result: { id: FLOW }, position: 12 }));
    expect((await change()).status).toBe(status);
  });
});

describe('a test', () => {
  const STATE: IntegrationState = {
    id: INTEGRATION,
    applicationId: APP,
    name: 'candidate',
    enabled: true,
    integrationType: 'mqtt',
    topics: [],
    config: { host: 'a.example', password: { $sealed: 'd.a.b.c' } },
    creationDate: '2026-06-01T00:00:00.000Z',
    lastUpdated: '2026-06-01T00:00:00.000Z',
  };
  const test = (path = '/test', body: unknown = { name: 'candidate' }, token = 'app') =>
    gateway.call('POST', `${BASE}/integrations${path}`, { body, token });

  it('lets config judge and seal it, and a connector of its type try it', async () => {
    gateway.config.answer(() => ({ ok: true, result: STATE }));
    expect(await test()).toMatchObject({ status: 503, body: { message: expect.stringContaining('mqtt') as string } });
    expect(gateway.config.last).toMatchObject({
      subject: 'command.integration.draft',
      data: { applicationId: APP, input: { name: 'candidate' } },
    });
    let reply: CheckReply = { lines: [{ step: 'resolve', ok: true, message: 'There.' }] };
    const asked: CheckRequest[] = [];
    const serving = gateway.bus.serve(checkSubject('mqtt'), async (_subject, body) => {
      asked.push(CheckRequest.parse(JSON.parse(Buffer.from(body).toString())));
      return Buffer.from(JSON.stringify(reply));
    });
    await expect.poll(async () => (await test()).status).toBe(200);
    expect((await test()).body).toEqual({ ok: true, steps: reply.lines });
    expect(asked[0]?.state).toEqual(STATE);
    expect(asked[0]?.withinMs).toBeLessThanOrEqual(11_000);
    const failed = { step: 'dial' as const, ok: false, message: 'Connection refused', change: 'Check host and port.' };
    reply = { lines: [{ step: 'resolve', ok: true, message: 'There.' }, failed] };
    expect((await test(`/${INTEGRATION}/test`)).body).toEqual({ ok: false, steps: reply.lines });
    expect(gateway.config.last.data).toMatchObject({ id: INTEGRATION });
    reply = { busy: true };
    expect(await test()).toMatchObject({ status: 429, body: { type: 'TooManyRequests' } });
    await serving.stop();
  });

  it('needs no body of an integration that is stored, and one of a candidate', async () => {
    gateway.config.answer(() => ({ ok: false, error: { type: 'NotFound', message: 'The integration was not found' } }));
    expect((await gateway.call('POST', `${BASE}/integrations/${INTEGRATION}/test`)).status).toBe(404);
    expect((await gateway.call('POST', `${BASE}/integrations/test`)).status).toBe(400);
  });

  it('is for tokens that could make, or change, the integration', async () => {
    const scoped = async (name: string, scope: string[]): Promise<void> => {
      const id = Buffer.from(name.padEnd(12, '.')).toString('hex');
      await gateway.config.publish('token', id, aToken(id, name, { applicationId: APP, scope }));
      await expect.poll(async () => (await test('/test', {}, name)).status).not.toBe(401);
    };
    await scoped('tester', ['integration.test']);
    await scoped('changer', ['integration.test', 'integration.patch']);
    gateway.config.answer(() => ({ ok: false, error: { type: 'Conflict', message: 'asked' } }));
    const stored = `/${INTEGRATION}/test`;
    expect((await test('/test', {}, 'tester')).status).toBe(403);
    expect((await test(stored, {}, 'tester')).body).toMatchObject({
      type: 'Forbidden',
      message: expect.stringContaining('integration.patch') as string,
    });
    expect((await gateway.call('POST', `${BASE}/integrations${stored}`, { token: 'tester' })).status).toBe(409);
    expect((await test(stored, {}, 'changer')).status).toBe(409);
    expect((await test(stored, {}, 'reader')).status).toBe(403);
  });
});

const aLetter = (over: Partial<DeadLetter> = {}): DeadLetter => ({
  id: randomUUID(),
  time: '2026-06-01T00:00:00.000Z',
  applicationId: APP,
  sourceId: INTEGRATION,
  stage: 'dispatch',
  reason: 'poison',
  message: 'it could not be read',
  attributes: {},
  size: 2,
  sha256: 'x',
  body: Buffer.from('{}').toString('base64'),
  truncated: false,
  ...over,
});

/** The headers that a stored inbound message of `source` has. */
async function inboundHeaders(source: string): Promise<Record<string, string>> {
  const event = {
    type: 'message' as const,
    id: randomUUID(),
    applicationId: APP,
    sourceId: source,
    sourceType: 'mqtt',
    number: 7,
    redelivered: true,
  };
  const rest = { time: '2026-06-01T00:00:00.000Z', configSequence: 1, attributes: { topic: 'a/b' }, body: Buffer.from('old') };
  await gateway.bus.publishInbound({ ...event, ...rest }, undefined, undefined);
  const stored = await gateway.bus.last('INBOUND', inboundSubject(APP, source));
  return stored?.headers ?? {};
}

describe('dead letters', () => {
  interface Listed {
    readonly items: { id: string; replayable: boolean; replay?: unknown; body: string; truncated: boolean }[];
    readonly count: number;
  }
  const list = async (query = ''): Promise<Listed> => (await gateway.call('GET', `${BASE}/deadLetters${query}`)).body as unknown as Listed;

  it('are listed newest first, of one application, filtered, without what a replay would send', async () => {
    const letters = [
      aLetter(),
      aLetter({ sourceId: FLOW, reason: 'attempts', replay: { subject: 'x', headers: { a: 'hidden' } } }),
      aLetter(),
    ];
    for (const letter of [...letters, aLetter({ applicationId: FOREIGN })]) await gateway.bus.publishDeadLetter(letter);
    const all = await list();
    expect(all.items.map(({ id }) => id)).toEqual(letters.map(({ id }) => id).toReversed());
    expect(all.items.map(({ replayable }) => replayable)).toEqual([false, true, false]);
    expect(JSON.stringify(all)).not.toContain('hidden');
    expect((await list('?perPage=1')).items.map(({ id }) => id)).toEqual([letters[2]?.id]);
    expect((await list(`?sourceId=${FLOW.toUpperCase()}`)).items.map(({ id }) => id)).toEqual([letters[1]?.id]);
    expect((await list('?reason=attempts')).count).toBe(1);
    expect((await list('?reason=other')).count).toBe(0);
  });

  it('keep an answer small: older bodies are left out, and say so', async () => {
    const body = Buffer.alloc(64 * 1024).toString('base64');
    const source = 'eeeeeeeeeeeeeeeeeeeeeeee';
    await Promise.all(Array.from({ length: 200 }, () => gateway.bus.publishDeadLetter(aLetter({ sourceId: source, body }))));
    const { items } = await list(`?sourceId=${source}&perPage=1000`);
    expect(items).toHaveLength(200);
    expect(items[0]).toMatchObject({ body, truncated: false });
    expect(items[199]).toMatchObject({ body: '', truncated: true, replayable: false });
  });

  const replay = (id: string) => gateway.call('POST', `${BASE}/deadLetters/${id}/replay`);

  it('are replayed as a new message that names the old one and has no number', async () => {
    const source = '121212121212121212121212';
    const subject = inboundSubject(APP, source);
    const letter = aLetter({
      sourceId: source,
      body: Buffer.from('again').toString('base64'),
      replay: { subject, headers: await inboundHeaders(source) },
    });
    await gateway.bus.publishDeadLetter(letter);
    const answer = await replay(letter.id);
    expect(answer.status).toBe(200);
    const last = await gateway.bus.last('INBOUND', subject);
    const stored = last && gateway.bus.decodeInbound(last);
    expect(stored).toMatchObject({ type: 'message', id: answer.body['id'], attributes: { topic: 'a/b', replayOf: letter.id } });
    expect([stored?.number, stored?.redelivered, Buffer.from(stored?.body ?? []).toString()]).toEqual([undefined, undefined, 'again']);
    expect(stored?.id).not.toBe(letter.id);
  });

  it('of queued outputs are queued again, fresh', async () => {
    const subject = outboundSubject('mqtt', APP, INTEGRATION);
    const old = { id: 'run:node:1', options: { topic: 'a' }, payload: 'x', encoding: 'utf8', time: '2020-01-01T00:00:00.000Z' };
    const body = Buffer.from(JSON.stringify(old)).toString('base64');
    const letter = aLetter({ stage: 'outbound', reason: 'expired', body, replay: { subject, headers: {} } });
    await gateway.bus.publishDeadLetter(letter);
    const answer = await replay(letter.id);
    expect(answer.status).toBe(200);
    const stored = await gateway.bus.last('OUTBOUND', subject);
    const queued = JSON.parse(Buffer.from(stored?.body ?? []).toString()) as { id: string; time: string };
    expect(queued).toMatchObject({ id: answer.body['id'], payload: 'x', options: { topic: 'a' } });
    expect(Date.parse(queued.time)).toBeGreaterThan(Date.parse('2025-01-01'));
  });

  it('that hold no message to send again are refused with the reason', async () => {
    const subject = inboundSubject(APP, INTEGRATION);
    const headers = await inboundHeaders(INTEGRATION);
    const bad = {
      'stage dispatch with reason poison': aLetter(),
      'whole body': aLetter({ truncated: true, replay: { subject, headers } }),
      'can be sent again': aLetter({ replay: { subject, headers: {} } }),
      "doesn't belong": aLetter({ replay: { subject: inboundSubject(FOREIGN, INTEGRATION), headers } }),
    };
    for (const [says, letter] of Object.entries(bad)) {
      await gateway.bus.publishDeadLetter(letter);
      const answer = await replay(letter.id);
      expect(answer).toMatchObject({ status: 409, body: { type: 'Conflict' } });
      expect(answer.body['message']).toContain(says);
    }
  });

  it("of another application can't be replayed", async () => {
    const letter = aLetter({ applicationId: FOREIGN });
    await gateway.bus.publishDeadLetter(letter);
    expect((await replay(letter.id)).status).toBe(404);
  });
});

const activity = (over: Partial<Activity>): Activity => ({
  kind: 'run',
  id: FLOW,
  applicationId: APP,
  time: '2026-06-01T00:00:00.000Z',
  body: {},
  ...over,
});

describe('runs', () => {
  it('are the recent ones of the application, newest first', async () => {
    const run = (id: string, status: string, flowId = FLOW) =>
      gateway.bus.publishActivity(activity({ id: flowId, body: { id, flowId, status, time: '2026-06-01T00:00:00.000Z', durationMs: 3 } }));
    run('r1', 'succeeded');
    run('r2', 'failed');
    run('r3', 'succeeded', INTEGRATION);
    gateway.bus.publishActivity(activity({ kind: 'debug', body: { message: 'x' } }));
    const ids = async (query = ''): Promise<string[]> => {
      const { items } = (await gateway.call('GET', `${BASE}/runs${query}`)).body as unknown as { items: { id: string }[] };
      return items.map(({ id }) => id);
    };
    await expect.poll(() => ids()).toEqual(['r3', 'r2', 'r1']);
    expect(await ids(`?flowId=${FLOW}`)).toEqual(['r2', 'r1']);
    expect(await ids('?status=failed')).toEqual(['r2']);
    expect(await ids('?perPage=1')).toEqual(['r3']);
    expect((await gateway.call('GET', `/applications/${FOREIGN}/runs`, { token: 'admin' })).body).toMatchObject({ items: [], count: 0 });
  });
});

/** Watches until it ends; `text()` is what came so far. */
async function watch(query: string, token: string) {
  const abort = new AbortController();
  const answer = await fetch(`${gateway.url}${BASE}/activity${query}`, {
    headers: { authorization: `Bearer ${token}` },
    signal: abort.signal,
  });
  let text = '';
  const ended = (async () => {
    for await (const chunk of answer.body ?? []) text += Buffer.from(chunk).toString();
  })();
  return { status: answer.status, type: answer.headers.get('content-type'), text: () => text, ended, leave: () => abort.abort() };
}

describe('activity', () => {
  it('is told live to those who watch the application, as it is filtered, until they leave', async () => {
    const all = await watch('', 'app');
    const debug = await watch(`?kind=debug&id=${FLOW}`, 'reader');
    expect([all.status, all.type]).toEqual([200, 'text/event-stream']);
    await expect.poll(() => all.text()).toBe(': connected\n\n');
    gateway.bus.publishActivity(activity({ kind: 'status', id: INTEGRATION, body: { state: 'connected' } }));
    gateway.bus.publishActivity(activity({ applicationId: FOREIGN, kind: 'debug', body: { message: 'foreign' } }));
    gateway.bus.publishActivity(activity({ kind: 'debug', body: { message: 'mine' } }));
    await expect.poll(() => debug.text()).toContain('event: debug\ndata: {"kind":"debug"');
    await expect.poll(() => all.text()).toContain('mine');
    expect(all.text()).toContain('event: status');
    expect(debug.text()).not.toContain('event: status');
    expect(all.text() + debug.text()).not.toContain('foreign');
    all.leave();
    debug.leave();
    await Promise.allSettled([all.ended, debug.ended]);
    await expect
      .poll(async () => await (await fetch(`${gateway.url}/metrics`)).text())
      .toContain('sluice_gateway_viewers{service="gateway"} 0');
  });

  it('ends when the token is revoked', async () => {
    const id = '666666666666666666666666';
    const state = aToken(id, 'watcher', { applicationId: APP, scope: ['application.activity'] });
    await gateway.config.publish('token', id, state);
    await expect.poll(async () => (await gateway.call('HEAD', `${BASE}/activity`, { token: 'watcher' })).status).toBe(200);
    const watching = await watch('', 'watcher');
    await gateway.config.publish('token', id, null);
    await watching.ended;
    expect((await watch('', 'watcher')).status).toBe(401);
  });

  it('of an application that does not exist: 404', async () => {
    expect((await gateway.call('GET', `/applications/${'9'.repeat(24)}/activity`, { token: 'admin' })).status).toBe(404);
  });
});
