import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ConnectorError, type SendOutcome } from '#lib/connector-sdk';
import { type CredentialState, SendReply, type SendThrough, sendSubject } from '#lib/contracts';
import { type Harness, anId, startHarness } from '../testing/harness.ts';
import { type ScriptedSender, ScriptedProvider } from '../testing/scripted-provider.ts';

const OWN = { queueUrl: 'https://sqs.example/1/orders', region: 'eu-west-1', accessKeyId: 'AKIA', secretAccessKey: 'secret' };
const BY_NAME = { credentialName: 'key', config: { queueUrl: OWN.queueUrl } };

describe('what a workflow sends with a credential of its own', () => {
  let at: Harness;
  beforeAll(async () => {
    at = await startHarness({ type: 'sqs' });
  });
  afterEach(() => at.stopRuntimes());
  afterAll(() => at.stop());

  const started = async (speed = 1) => {
    const provider = new ScriptedProvider();
    const { id: applicationId } = await at.application();
    await at.start({ provider, speed });
    let ids = 0;
    const send = async (through: SendThrough, as = '0e0000000000000000000001', id = `r:n:${++ids}`): Promise<SendReply> => {
      const request = { id, options: {}, payload: 'p', encoding: 'utf8', time: new Date().toISOString(), through };
      const subject = sendSubject('sqs', applicationId, as);
      // As the runner does, until somebody holds the partition.
      const body = await vi.waitFor(() => at.bus.request(subject, Buffer.from(JSON.stringify(request)), 10_000), 20_000);
      return SendReply.parse(JSON.parse(Buffer.from(body).toString()));
    };
    return { provider, applicationId, send };
  };

  /** With a credential that has the name `key`. */
  const withCredential = async () => {
    const made = await started();
    const sealed = await at.sealing(made.applicationId);
    const id = anId();
    const config = (secret: string): CredentialState['config'] => ({
      accessKeyId: 'AKIA',
      region: 'eu-west-1',
      secretAccessKey: sealed(secret, id, 'secretAccessKey'),
    });
    let version = 0;
    const change = async (secret: string, over: Partial<CredentialState> = {}): Promise<CredentialState> =>
      await at.credential(made.applicationId, { id, type: 'aws', config: config(secret), ...over }, ++version);
    return { ...made, change };
  };
  const secretOf = ({ config }: ScriptedSender): unknown => (config.config['credential'] as Record<string, unknown>)['secretAccessKey'];

  it('goes through one connection for all that authenticate alike, each id once, and has no status, events or subscription', async () => {
    const { provider, send } = await started();
    const replies = await Promise.all([send({ config: OWN }), send({ config: OWN })]);
    expect(replies).toEqual([{ verdict: 'succeeded' }, { verdict: 'succeeded' }]);
    await send({ config: OWN }, undefined, 'r:n:1');
    await send({ config: { ...OWN, accessKeyId: 'OTHER' } }, '0e0000000000000000000002');
    expect(provider.senders.map(({ sent }) => sent)).toEqual([['r:n:1', 'r:n:2'], ['r:n:3']]);
    expect(provider.senders[0]?.config).toMatchObject({ topics: [], config: OWN });
    expect(provider.links).toEqual([]);
    expect(await at.bus.kv('STATUS').entries('')).toEqual([]);
    expect(await at.bus.list('INBOUND', 'inbound.>')).toEqual([]);
  });

  it('is closed when it is idle, and made again by the next send', async () => {
    const { provider, send } = await started(20);
    await send({ config: OWN });
    await expect.poll(() => provider.senders[0]?.open, { timeout: 20_000 }).toBe(false);
    expect(await send({ config: OWN })).toEqual({ verdict: 'succeeded' });
    expect(provider.senders).toHaveLength(2);
  });

  it('gets the fields of the credential it names; a changed one with the next send, once what is under way has its outcome', async () => {
    const { provider, change, send } = await withCredential();
    await change('first');
    let answer: (outcome: SendOutcome) => void = () => undefined;
    provider.script.send = () => new Promise((resolve) => (answer = resolve));
    const underWay = send(BY_NAME);
    await expect.poll(() => provider.senders.map(secretOf)).toEqual(['first']);
    await change('second');
    provider.script.send = () => Promise.resolve({ verdict: 'succeeded' });
    await expect
      .poll(async () => {
        await send(BY_NAME);
        return provider.senders.map(secretOf);
      })
      .toEqual(['first', 'second']);
    expect(provider.senders[0]?.open).toBe(true);
    answer({ verdict: 'succeeded' });
    expect(await underWay).toEqual({ verdict: 'succeeded' });
    await expect.poll(() => provider.senders[0]?.open).toBe(false);
  });

  it('is told plainly of a credential that is missing, of another type or disabled, and goes on when that is mended', async () => {
    const { provider, change, send } = await withCredential();
    const failed = (message: string) => ({
      verdict: 'failed',
      error: { type: 'misconfigured', message: expect.stringContaining(message) as string },
    });
    expect(await send(BY_NAME)).toEqual(failed('credentialNameTemplate key names no credential of this application'));
    await change('first');
    expect(await send(BY_NAME)).toEqual({ verdict: 'succeeded' });
    await change('first', { enabled: false });
    await expect.poll(() => send(BY_NAME)).toEqual(failed('the credential key is disabled'));
    await expect.poll(() => provider.senders[0]?.open).toBe(false);
    await change('first');
    await expect.poll(() => send(BY_NAME)).toEqual({ verdict: 'succeeded' });
  });

  it('is judged by the definition, with fields called as they are in a node, and no template in it is rendered', async () => {
    const { provider, send } = await started();
    const { region: _region, ...incomplete } = OWN;
    expect(await send({ config: incomplete })).toMatchObject({
      verdict: 'failed',
      error: { message: expect.stringMatching(/^region is required/) as string },
    });
    await send({ config: { ...OWN, accessKeyId: '{{globals.secret}}' } }, '0e0000000000000000000002');
    expect(provider.senders[0]?.config.config).toMatchObject({ accessKeyId: '{{globals.secret}}' });
  });

  it('backs off when the provider refuses who it is, and tries again later', async () => {
    const { provider, send } = await started(4);
    provider.script.send = () => {
      provider.senders.at(-1)?.context.lost(new ConnectorError('unauthorized', 'unknown key'));
      return Promise.resolve({ verdict: 'failed', error: { type: 'InvalidKey', message: 'unknown key' } });
    };
    expect(await send({ config: OWN })).toMatchObject({ verdict: 'failed', error: { type: 'InvalidKey' } });
    const replies = await Promise.all(Array.from({ length: 50 }, () => send({ config: OWN })));
    expect(provider.senders.length).toBeLessThan(10);
    expect(replies.at(0)).toEqual({ verdict: 'failed', error: { type: 'unauthorized', message: 'unknown key' } });
    provider.script.send = () => Promise.resolve({ verdict: 'succeeded' });
    await expect.poll(() => send({ config: OWN }), { timeout: 20_000 }).toEqual({ verdict: 'succeeded' });
    expect(provider.senders.filter(({ open }) => open)).toHaveLength(1);
  });

  it('goes over another connection at once after one that was fine ended, and after one whose outcome is unknown', async () => {
    const { provider, send } = await started();
    await send({ config: OWN });
    provider.senders[0]?.context.lost(new ConnectorError('lost', 'idle'));
    expect(await send({ config: OWN })).toEqual({ verdict: 'succeeded' });
    provider.script.send = () => Promise.resolve({ verdict: 'unknown', error: { type: 'lost', message: 'no answer' } });
    expect(await send({ config: OWN })).toMatchObject({ verdict: expect.stringMatching(/unknown/) as string });
    provider.script.send = () => Promise.resolve({ verdict: 'succeeded' });
    expect(await send({ config: OWN })).toEqual({ verdict: 'succeeded' });
    expect(provider.senders.map(({ open }) => open)).toEqual([false, false, true]);
  });

  it('has its outcome before the connector stops', async () => {
    const { provider, send } = await started();
    let answer: (outcome: SendOutcome) => void = () => undefined;
    provider.script.send = () => new Promise((resolve) => (answer = resolve));
    const underWay = send({ config: OWN });
    await expect.poll(() => provider.senders[0]?.sent).toEqual(['r:n:1']);
    const stopped = at.stopRuntimes();
    expect(provider.senders[0]?.open).toBe(true);
    answer({ verdict: 'succeeded' });
    expect(await underWay).toEqual({ verdict: 'succeeded' });
    await stopped;
    expect(provider.senders[0]?.open).toBe(false);
  });

  it('is bounded: the longest unused connection goes', { timeout: 60_000 }, async () => {
    const { provider, send } = await started();
    for (let n = 0; n <= 1_000; n++) await send({ config: OWN }, String(n).padStart(24, '0'));
    await expect.poll(() => provider.senders.filter(({ open }) => !open)).toEqual([provider.senders[0]]);
  });

  it('is refused by a type that sends through integrations only', async () => {
    const { provider, send } = await started();
    delete provider.sender;
    expect(await send({ config: OWN })).toMatchObject({
      verdict: 'failed',
      error: { message: 'this type sends through integrations only' },
    });
  });
});
