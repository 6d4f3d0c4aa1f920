import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlowPost, type WorkflowState } from '#lib/contracts';
import { workflow } from '#lib/domain';
import { parseAllow } from '#lib/egress';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workflowIssues } from '../../apps/config/src/handlers/workflow-issues.ts';
import { HttpClient } from '../../apps/workflow-runner/src/http/client.ts';
import { type Given, type Ran, ran } from '../builders/ran.ts';
import { APPLICATION, INTEGRATION, triggered, WORKFLOW } from '../builders/runs.ts';
import { startHttpServer, type TestHttpServer } from '../servers/http.ts';

/** Workflows as they are exported, saved as a caller saves them, and run. */

const NOW = 1_770_000_000_000;

/** What is stored of a file that is posted as it is. */
function saved(name: string, changes: Partial<FlowPost> = {}): WorkflowState {
  const text = readFileSync(join(import.meta.dirname, `${name}.json`), 'utf8');
  const input = FlowPost.parse({ ...(JSON.parse(text) as object), ...changes });
  const [event] = workflow.decide(
    { name: 'create', id: WORKFLOW, applicationId: APPLICATION, now: '2026-01-01T00:00:00.000Z', input, newId: () => 'made' },
    null,
  );
  const state = event?.state;
  if (state === null || state === undefined) throw new Error(`${name} was not stored`);
  expect(workflowIssues(state, new Date(NOW))).toEqual([]);
  const sent = JSON.parse(text) as { nodes: unknown; triggers: unknown };
  expect([state.nodes, state.triggers]).toEqual([sent.nodes, sent.triggers]);
  return state;
}

const run = (flow: WorkflowState, message: string, given: Given = {}): Promise<Ran> =>
  ran(flow, { event: triggered({ body: Buffer.from(message) }), now: NOW, ...given });

/** The whole payload that a Debug node saw. */
const payload = ({ debug, result }: Ran, id: string): unknown => {
  expect(result.error).toBeUndefined();
  return debug.find(({ nodeId }) => nodeId === id)?.payload;
};

/** A payload of these workflows. */
const whole = (flowName: string, message: string, working: unknown, globals: object = {}): unknown => ({
  time: new Date('2026-02-03T04:05:06.007Z'),
  data: { message, topic: 'in/a', type: 'message' },
  applicationId: APPLICATION,
  applicationName: 'Plant',
  flowId: WORKFLOW,
  flowName,
  globals,
  triggerId: INTEGRATION,
  triggerType: 'integration',
  relayId: INTEGRATION,
  relayType: 'integration',
  working,
});

describe('a batch of readings', () => {
  const batch = (...celsius: unknown[]): string => JSON.stringify(celsius.map((value, index) => ({ id: `s${index}`, celsius: value })));

  it('is summed up one after the other', async () => {
    const message = batch(20, 22.5, -40);
    const made = await run(saved('batch'), message);
    const working = { errors: [], sum: 2.5, count: 3, fahrenheit: [68, 72.5, -40], result: { average: 2.5 / 3 } };
    expect(payload(made, 'done')).toEqual(whole('Summarise a batch of readings', message, working));
    expect(made.sent).toMatchObject([
      { id: 'run-1:publish:0.1', options: { topic: 'summary/3' }, payload: JSON.stringify({ average: 2.5 / 3 }) },
    ]);
  });

  it('ends at a broken sensor', async () => {
    const message = batch(20, null, 30);
    const working = { errors: [], sum: 20, count: 1, fahrenheit: [68, 's1'], result: { average: 20 } };
    expect(payload(await run(saved('batch'), message), 'done')).toEqual(whole('Summarise a batch of readings', message, working));
  });

  it('is refused when it is not as it should be', async () => {
    const message = JSON.stringify([{ id: 'a', celsius: 'warm' }, {}]);
    const made = await run(saved('batch'), message);
    const wrong = (keyword: string, instancePath: string): unknown => expect.objectContaining({ keyword, instancePath }) as unknown;
    expect(payload(made, 'invalid')).toEqual(
      whole('Summarise a batch of readings', message, {
        batch: JSON.parse(message) as unknown,
        errors: [wrong('type', '/0/celsius'), wrong('required', '/1'), wrong('required', '/1')],
      }),
    );
    expect(made.debug).toMatchObject([{ level: 'warn', message: '3 things are wrong' }]);
    expect(made.sent).toEqual([]);
  });
});

describe('a command', () => {
  const kept = new Map<string, unknown>();
  const answer = async (message: string): Promise<{ made: Ran; working: Record<string, unknown> }> => {
    const made = await run(saved('route'), message, { kept });
    return { made, working: (payload(made, 'seen') as { working: Record<string, unknown> }).working };
  };

  it('changes what the workflow keeps from run to run', async () => {
    const set = { do: 'set', tank: 'a', value: 5 };
    const first = await run(saved('route'), JSON.stringify(set), { kept });
    const working = { command: set, level: 5, kept: 5 };
    expect(payload(first, 'seen')).toEqual(
      whole('Route commands', JSON.stringify(set), { ...working, text: JSON.stringify(working) }, { addWord: 'add' }),
    );
    expect(first.sent).toMatchObject([{ options: { topic: 'answer' }, payload: JSON.stringify(working) }]);
    expect((await answer('{"do":"add","tank":"a","value":2.5}')).working).toMatchObject({ level: 7.5, kept: 7.5 });
    expect((await answer('{"do":"add","tank":"b","value":1}')).working).toMatchObject({ level: 1, kept: 1 });
  });

  it('that is none of them is explained', async () => {
    const { working } = await answer('{"do":"jump"}');
    const expected = { command: { do: 'jump' }, level: 'no jump' };
    expect(working).toEqual({ ...expected, text: JSON.stringify(expected) });
  });

  it('that is no JSON is refused, with the reason in the payload', async () => {
    const made = await run(saved('route'), '{', { kept });
    const failure = {
      name: 'InvalidJson',
      message: 'source: the text at data.message is not JSON',
      nodeId: 'decode',
      nodeType: 'JsonDecodeNode',
    };
    expect(payload(made, 'refused')).toEqual(whole('Route commands', '{', { failure }, { addWord: 'add' }));
  });
});

describe('devices', () => {
  let api: TestHttpServer;
  let client: HttpClient;
  beforeAll(async () => {
    api = await startHttpServer();
    client = new HttpClient({ egress: parseAllow('loopback'), credential: () => Promise.reject(new Error('none')) });
  });
  afterAll(async () => {
    client.close();
    await api.stop();
  });

  it('are asked for over HTTP, side by side, with nested loops and errors in the payload', async () => {
    api.on('/devices/a%20b', (_, response) => response.end('{"name": "A", "tags": {"x": 1, "y": "z"}}'));
    api.on('/devices/gone', (request) => request.socket.destroy());
    const globals = { password: 'secret', api: api.url };
    const flow = saved('enrich', { globals: Object.entries(globals).map(([key, value]) => ({ key, json: JSON.stringify(value) })) });
    const message = '["a b", "gone", "c"]';
    const kept = new Map<string, unknown>();
    const made = await run(flow, message, { kept, http: (call) => client.call(call) });
    const found = [{ name: 'A', tags: ['X=1', 'Y=z'] }, { tags: [] }, { ok: true, tags: [] }];
    expect(payload(made, 'seen')).toEqual(whole('Enrich devices', message, { devices: ['a b', 'gone', 'c'], found }, globals));
    expect(made.delays).toEqual([{ id: 'run-1:delay:0', ms: 1_000 }]);
    const basic = `Basic ${btoa('sluice:secret')}`;
    const asked = new Map(
      api.requests.map(({ method, url, body, headers }) => [url, [method, body, headers['x-source'], headers.authorization]]),
    );
    expect(Object.fromEntries(asked)).toEqual({
      '/devices/a%20b': ['POST', '{"index":0}', 'Plant', basic],
      '/devices/gone': ['POST', '{"index":1}', 'Plant', basic],
      '/devices/c': ['POST', '{"index":2}', 'Plant', basic],
    });
    const again = await run(flow, message, { kept });
    expect([again.result.status, again.debug]).toEqual(['succeeded', []]);
  });
});
