import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConnectorError, type SendOutcome } from '#lib/connector-sdk';
import { definitionOf } from '#lib/connectors';
import { type IntegrationState, SendReply, type SendRequest, deadLetterSubject, outboundSubject, sendSubject } from '#lib/contracts';
import { type Harness, startHarness } from '../testing/harness.ts';
import { ScriptedProvider } from '../testing/scripted-provider.ts';

describe('what goes out of an integration', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness();
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  const request = (id: string, over: Partial<SendRequest> = {}): SendRequest => ({
    id,
    options: { topic: 'out' },
    payload: 'p',
    encoding: 'utf8',
    time: new Date().toISOString(),
    ...over,
  });
  const send = async (integration: IntegrationState, what: SendRequest): Promise<SendReply> => {
    const subject = sendSubject('mqtt', integration.applicationId, integration.id);
    const body = await at.bus.request(subject, Buffer.from(JSON.stringify(what)), 5_000);
    return SendReply.parse(JSON.parse(Buffer.from(body).toString()));
  };
  const queue = (integration: IntegrationState, what: SendRequest) =>
    at.bus.publishOutbound(outboundSubject('mqtt', integration.applicationId, integration.id), Buffer.from(JSON.stringify(what)), what.id);
  const queued = ({ applicationId, id }: IntegrationState) => at.bus.list('OUTBOUND', outboundSubject('mqtt', applicationId, id));
  const letters = async ({ applicationId, id }: IntegrationState): Promise<unknown[]> =>
    (await at.bus.list('DEAD_LETTERS', deadLetterSubject(applicationId, id))).map(({ body }) => JSON.parse(Buffer.from(body).toString()));
  const connected = async (speed = 1) => {
    const provider = new ScriptedProvider();
    const { id } = await at.application();
    const integration = await at.integration(id);
    await at.start({ provider, speed });
    await expect.poll(() => provider.of(integration.id).length).toBe(1);
    return { provider, integration, link: provider.of(integration.id)[0] };
  };

  it('sends an id once, however often it is asked to, and lets a repeat wait for the first', async () => {
    const { provider, integration, link } = await connected();
    let answer: (outcome: SendOutcome) => void = () => undefined;
    provider.script.send = () => new Promise((resolve) => (answer = resolve));
    const twice = [send(integration, request('r:n:1')), send(integration, request('r:n:1'))];
    await expect.poll(() => link?.sent).toEqual(['r:n:1']);
    answer({ verdict: 'succeeded', result: { messageId: 'x' } });
    expect(await Promise.all(twice)).toEqual([1, 2].map(() => ({ verdict: 'succeeded', result: { messageId: 'x' } })));
    expect(await send(integration, request('r:n:1'))).toMatchObject({ verdict: 'succeeded' });
    expect(link?.sent).toEqual(['r:n:1']);
  });

  it('says of a send that takes long that it is on its way, and its outcome to whoever asks again', async () => {
    const { integration, provider, link } = await connected(10);
    let answer: (outcome: SendOutcome) => void = () => undefined;
    provider.script.send = () => new Promise((resolve) => (answer = resolve));
    expect(await send(integration, request('slow'))).toMatchObject({ verdict: 'pending' });
    const again = send(integration, request('slow', { asked: true }));
    answer({ verdict: 'succeeded' });
    expect(await again).toEqual({ verdict: 'succeeded' });
    expect(link?.sent).toEqual(['slow']);
    provider.script.send = () => new Promise(() => undefined);
    const never = async (): Promise<SendReply['verdict']> => (await send(integration, request('never', { asked: true }))).verdict;
    await expect.poll(never, { timeout: 20_000 }).toBe('unknown');
    expect(link?.sent).toEqual(['slow', 'never']);
  });

  it('sends nothing that is on its way through another owner, where nothing is queued', async () => {
    const provider = new ScriptedProvider();
    const { id } = await at.application();
    const integration = await at.integration(id);
    const { capabilities } = definitionOf('mqtt');
    await at.start({ provider, definition: { capabilities: { ...capabilities, queue: false } } });
    await expect.poll(async () => (await at.status(integration))?.state).toBe('connected');
    expect(await send(integration, request('moved', { asked: true }))).toMatchObject({ verdict: 'unknown', error: { type: 'Moved' } });
    expect(provider.of(integration.id)[0]?.sent).toEqual([]);
  });

  it('answers what it did not try with the reason', async () => {
    const { provider, integration, link } = await connected();
    expect(await send(integration, request('bad', { options: { topic: 'a/#' } }))).toMatchObject({
      verdict: 'failed',
      error: { type: 'Validation', message: expect.stringMatching(/^topic /) as string },
    });
    expect(await send({ ...integration, id: integration.id.replace(/^./, 'f') }, request('x'))).toMatchObject({
      verdict: expect.stringMatching(/notFound/) as string,
    });
    provider.script.send = () => Promise.reject(new ConnectorError('refused', 'too large'));
    expect(await send(integration, request('refused'))).toEqual({ verdict: 'failed', error: { type: 'refused', message: 'too large' } });
    provider.script.connect = () => {
      throw new ConnectorError('lost', 'Connection refused');
    };
    link?.context.lost(new ConnectorError('lost', 'Connection Lost'));
    expect(await send(integration, request('y'))).toMatchObject({ verdict: 'disconnected' });
    provider.script.connect = () => undefined;
    provider.script.send = () => Promise.resolve({ verdict: 'succeeded' });
    await expect.poll(() => provider.of(integration.id).length, { timeout: 5_000 }).toBe(1);
    expect(await send(integration, request('y'))).toMatchObject({ verdict: 'succeeded' });
    await at.integration(integration.applicationId, { ...integration, enabled: false }, 2);
    await expect.poll(async () => (await send(integration, request('z'))).verdict).toBe('disabled');
  });

  it('stops trying when sends keep failing', async () => {
    const { provider, integration, link } = await connected();
    provider.script.send = () => Promise.resolve({ verdict: 'unknown' });
    for (let n = 0; n < 20; n++) await send(integration, request(`u${n}`));
    expect(await send(integration, request('after'))).toMatchObject({ verdict: 'busy', error: { type: 'CircuitOpen' } });
    expect(link?.sent.length).toBe(20);
  });

  it('drains what was queued in order, before direct sends, and throws out what is too old', async () => {
    const { id } = await at.application();
    const integration = await at.integration(id);
    const old = request('old', { time: new Date(Date.now() - 3_700_000).toISOString() });
    for (const one of [old, ...[1, 2, 3].map((n) => request(`q${n}`))]) await queue(integration, one);
    const provider = new ScriptedProvider();
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    provider.script.send = async () => {
      await gate;
      return { verdict: 'succeeded' };
    };
    await at.start({ provider });
    await expect.poll(() => provider.of(integration.id)[0]?.sent).toEqual(['q1']);
    const direct = send(integration, request('direct'));
    open();
    expect(await direct).toEqual({ verdict: 'succeeded' });
    expect(provider.of(integration.id)[0]?.sent).toEqual(['q1', 'q2', 'q3', 'direct']);
    await expect.poll(() => queued(integration)).toEqual([]);
    expect(await letters(integration)).toMatchObject([{ reason: 'expired', stage: 'outbound' }]);
  });

  it('finds what is queued while it is connected, and keeps what could not be sent', async () => {
    const { provider, integration, link } = await connected(10);
    provider.script.send = ({ id }) =>
      id === 'w2' ? Promise.reject(new ConnectorError('lost', 'gone')) : Promise.resolve({ verdict: 'succeeded' });
    for (const id of ['w1', 'w2', 'w3']) await queue(integration, request(id));
    await expect.poll(() => link?.sent, { timeout: 10_000 }).toEqual(['w1', 'w2']);
    await expect.poll(async () => (await queued(integration)).length).toBe(2);
    provider.script.send = () => Promise.resolve({ verdict: 'succeeded' });
    await expect.poll(() => link?.sent, { timeout: 10_000 }).toEqual(['w1', 'w2', 'w2', 'w3']);
    await expect.poll(() => queued(integration)).toEqual([]);
  });

  it('dead-letters what a deleted integration had queued', async () => {
    const provider = new ScriptedProvider();
    provider.script.connect = () => {
      throw new ConnectorError('unauthorized', 'Unauthorized');
    };
    const { id } = await at.application();
    const integration = await at.integration(id);
    await at.start({ provider });
    await expect.poll(async () => (await at.status(integration))?.state).toBe('unauthorized');
    await queue(integration, request('q'));
    await at.deleteIntegration(integration, 2);
    await expect.poll(() => letters(integration)).toMatchObject([{ reason: 'integrationDeleted' }]);
    await expect.poll(() => queued(integration)).toEqual([]);
  });

  it('dead-letters what is queued for an integration that was deleted before it had a status, or that a runner takes for present', async () => {
    const { id } = await at.application();
    const integration = await at.integration(id);
    await queue(integration, request('before'));
    await at.deleteIntegration(integration, 2);
    await at.start({ speed: 10 });
    await expect.poll(() => letters(integration)).toMatchObject([{ reason: 'integrationDeleted' }]);
    await queue(integration, request('late'));
    const reason = 'integrationDeleted';
    await expect.poll(() => letters(integration), { timeout: 20_000 }).toMatchObject([{ reason }, { reason }]);
    await expect.poll(() => queued(integration)).toEqual([]);
  });
});
