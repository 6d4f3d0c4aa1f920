import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect as connectSocket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Server, createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '#lib/connector-sdk';
import { makeCertificates } from '../../../../test/servers/certificates.ts';
import { type RecordingContext, failure, recordingContext } from '../../../../test/servers/connection-context.ts';
import { type FaultProxy, startFaultProxy } from '../../../../test/servers/fault-proxy.ts';
import { SQS_KEY, type SqsServer, startSqs } from '../../../../test/servers/sqs.ts';
import type { ResolvedSqsConfig } from './config.ts';
import { sqs as definition } from './definition.ts';
import { type SqsProviderOptions, sqsProvider } from './provider.ts';

let sqs: SqsServer;
let proxy: FaultProxy;
const open: Connection[] = [];
let names = 0;

beforeAll(async () => {
  sqs = await startSqs();
  proxy = await startFaultProxy({ port: sqs.port });
});
afterEach(async () => {
  sqs.heal();
  proxy.mode({ kind: 'pass' });
  await Promise.all(open.splice(0).map((connection) => connection.close({ drain: false })));
});
afterAll(async () => {
  await proxy.stop();
  await sqs.stop();
});

const queueName = (suffix = ''): string => `q-${++names}${suffix}`;

interface Made {
  readonly connection: Connection;
  readonly context: RecordingContext;
}

async function connected(
  config: Partial<ResolvedSqsConfig> & { queueUrl: string },
  { context = recordingContext(), ...options }: SqsProviderOptions & { context?: RecordingContext } = {},
): Promise<Made> {
  const connection = await sqsProvider({ ...options, pace: { waitS: 1, ...options.pace } }).connect(
    { integrationId: 'i', applicationId: 'a', topics: [], config: { ...SQS_KEY, ...config }, assignedClientId: 'c' },
    context,
  );
  open.push(connection);
  return { connection, context };
}

/** A queue of its own, a connection to it, and what may stand in the way. */
async function onQueue(
  options: SqsProviderOptions & { fifo?: boolean; context?: RecordingContext } = {},
): Promise<Made & { name: string; proxied: string }> {
  const name = queueName(options.fifo === true ? '.fifo' : '');
  await sqs.createQueue(name, options.fifo === true ? { FifoQueue: 'true' } : {});
  const proxied = sqs.url(name, `http://127.0.0.1:${proxy.port}`);
  return { name, proxied, ...(await connected({ queueUrl: proxied }, options)) };
}

const texts = (context: RecordingContext): string[] => context.received.map(({ body }) => Buffer.from(body).toString());
const left = async (name: string): Promise<string[]> => {
  const { ready, inflight } = await sqs.inspect(name);
  return [...ready, ...inflight.map(({ message }) => message)].map(({ body }) => body);
};
const send = async (connection: Connection, payload: string | Uint8Array, options: Record<string, unknown> = {}): Promise<unknown> =>
  await connection.send?.({ id: 'r:n:0', payload: Buffer.from(payload), options });

describe('receiving', () => {
  it('proves the connection by a poll that returns, and dials nothing but through the context', async () => {
    const { context, connection, proxied } = await onQueue();
    expect(context.proofs).toEqual(['poll']);
    expect(connection.connectData).toEqual({ queueUrl: proxied });
    await expect.poll(() => context.proofs.length, { timeout: 3_000 }).toBeGreaterThan(1);
    await connection.probe();
    expect(new Set(context.dialled)).toEqual(new Set([`127.0.0.1:${proxy.port}`]));
    expect(context.dialled).toHaveLength(proxy.accepted);
  });

  it('gives the run every field of a message, and attributes of every type', async () => {
    const { connection, context, proxied } = await onQueue();
    const sent = await send(connection, 'größe €', {
      attributes: {
        text: { value: 'a', dataType: 'String' },
        count: { value: 3.5, dataType: 'Number' },
        labelled: { value: '7', dataType: 'Number.int' },
        huge: { value: '1e300000', dataType: 'Number' },
        bytes: { value: '/wAB', dataType: 'Binary.raw' },
      },
    });
    expect(sent).toEqual({ verdict: 'succeeded', result: { messageId: expect.any(String) } });
    await expect.poll(() => context.received).toHaveLength(1);
    const [message] = context.received;
    expect(message).toMatchObject({ redelivered: false, providerId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(definition.messageData?.({ attributes: message?.attributes ?? {}, body: message?.body ?? new Uint8Array() })).toEqual({
      message: 'größe €',
      messageId: message?.providerId,
      messageAttributes: {
        text: { value: 'a', dataType: 'String' },
        count: { value: 3.5, dataType: 'Number' },
        labelled: { value: 7, dataType: 'Number.int' },
        huge: { value: '1e300000', dataType: 'Number' },
        bytes: { value: '/wAB', dataType: 'Binary.raw' },
      },
      systemAttributes: {
        ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d+$/),
        ApproximateReceiveCount: '1',
        SenderId: expect.any(String),
        SentTimestamp: expect.stringMatching(/^\d+$/),
      },
      queueUrl: proxied,
    });
  });

  it('asks for the fields by their former name too, for servers that know no other', async () => {
    const { name } = await onQueue();
    await expect
      .poll(() => sqs.calls.find(({ action, body }) => action === 'ReceiveMessage' && String(body['QueueUrl']).endsWith(name)))
      .toMatchObject({
        body: {
          AttributeNames: expect.arrayContaining(['SentTimestamp']),
          MessageSystemAttributeNames: expect.arrayContaining(['SentTimestamp']),
        },
      });
  });

  it('deletes a message only once it is durable, many in one request', async () => {
    const context = recordingContext();
    context.storing = 'by hand';
    const { name } = await onQueue({ context });
    const bodies = Array.from({ length: 12 }, (_, index) => `${index}`);
    await sqs.put(name, bodies);
    await expect.poll(() => texts(context)).toHaveLength(12);
    expect(await left(name)).toHaveLength(12);
    for (const message of context.received.slice(1)) message.store();
    await expect.poll(() => left(name)).toEqual([texts(context)[0]]);
    const deletions = sqs.calls.filter(
      ({ action, body }) => action === 'DeleteMessageBatch' && String(body['QueueUrl']).endsWith(`/${name}`),
    );
    expect(deletions.map(({ body }) => (body['Entries'] as unknown[]).length)).toEqual([1, 10, 1]); // the first asks whether it may
  });

  it('keeps the order of a group, and deletes none before the one in front of it', async () => {
    const context = recordingContext();
    context.storing = 'by hand';
    const { name } = await onQueue({ fifo: true, context });
    await sqs.put(name, ['a1', 'a2', 'a3'], 'a');
    await sqs.put(name, ['b1'], 'b');
    await expect.poll(() => texts(context).sort()).toEqual(['a1', 'b1']);
    expect(context.received[0]?.attributes).toMatchObject({
      systemAttributes: { MessageGroupId: 'a', MessageDeduplicationId: expect.any(String), SequenceNumber: expect.any(String) },
    });
    for (const next of ['a1', 'a2', 'a3']) {
      await expect
        .poll(() =>
          texts(context)
            .filter((text) => text.startsWith('a'))
            .at(-1),
        )
        .toBe(next);
      context.received.find(({ body }) => Buffer.from(body).toString() === next)?.store();
    }
    await expect.poll(() => left(name)).toEqual(['b1']);
  });

  it('hides a message from others for as long as it waits for the store', async () => {
    const context = recordingContext();
    context.storing = 'by hand';
    const { name } = await onQueue({ context, pace: { visibilityS: 1 } });
    await sqs.put(name, ['slow']);
    await expect
      .poll(() => sqs.calls.filter(({ action }) => action === 'ChangeMessageVisibilityBatch').length, { timeout: 5_000 })
      .toBeGreaterThan(3);
    expect(texts(context)).toEqual(['slow']);
    context.received[0]?.store();
    await expect.poll(() => left(name)).toEqual([]);
  });

  it('asks for nothing while it is held', async () => {
    const { name, context } = await onQueue();
    context.hold(true);
    const polls = (): number =>
      sqs.calls.filter(({ action, body }) => action === 'ReceiveMessage' && String(body['QueueUrl']).endsWith(`/${name}`)).length;
    const proofs = context.proofs.length;
    await expect.poll(() => context.proofs.length, { timeout: 3_000 }).toBe(proofs + 1); // the poll that was under way
    const before = polls();
    await sqs.put(name, ['later']);
    context.hold(false);
    await expect.poll(() => texts(context)).toEqual(['later']);
    expect(polls()).toBeGreaterThanOrEqual(before + 1);
  });

  describe('while there is much', () => {
    /** 120 messages in 12 groups, received: their texts, and how many polls did not wait as the first one does. */
    const received = async (fifo: boolean) => {
      const context = recordingContext();
      context.hold(true);
      const { name } = await onQueue({ context, fifo });
      const groups = Array.from({ length: 12 }, (_, group) => Array.from({ length: 10 }, (__, index) => `${group}:${index}`));
      for (const [group, bodies] of groups.entries()) await sqs.put(name, bodies, fifo ? `${group}` : undefined);
      const begun = sqs.calls.length;
      context.hold(false);
      await expect.poll(() => texts(context), { timeout: 10_000 }).toHaveLength(120);
      await expect.poll(() => left(name)).toEqual([]);
      const beside = sqs.calls
        .slice(begun)
        .filter(
          ({ action, body }) =>
            action === 'ReceiveMessage' && body['WaitTimeSeconds'] === 0 && String(body['QueueUrl']).endsWith(`/${name}`),
        );
      return { groups, all: texts(context), beside: beside.length };
    };

    it('asks several times at once', async () => {
      const { groups, all, beside } = await received(false);
      expect(all.toSorted()).toEqual(groups.flat().toSorted());
      expect(beside).toBeGreaterThan(1);
    });

    it('asks a FIFO queue once at a time, and keeps the order of its groups', async () => {
      const { groups, all, beside } = await received(true);
      for (const [group, bodies] of groups.entries()) expect(all.filter((text) => text.startsWith(`${group}:`))).toEqual(bodies);
      expect(beside).toBe(0);
    });
  });

  it('lets the last poll finish when it closes, and gives back what was not stored', async () => {
    const context = recordingContext();
    context.storing = 'by hand';
    const { name, connection } = await onQueue({ context });
    await sqs.put(name, ['stored', 'refused']);
    await expect.poll(() => texts(context)).toHaveLength(2);
    const closed = connection.close({ drain: true });
    await sqs.put(name, ['late']);
    context.received.find(({ body }) => Buffer.from(body).toString() === 'stored')?.store();
    context.received.find(({ body }) => Buffer.from(body).toString() === 'refused')?.fail(new Error('the link is being closed'));
    await closed;
    const { ready, inflight } = await sqs.inspect(name);
    expect(inflight).toEqual([]);
    expect(ready.map(({ body }) => body).sort()).toEqual(['late', 'refused']);
    expect(context.losses).toEqual([]);
  });

  it('tells that the link is lost when a message could not be stored, and leaves it in the queue', async () => {
    const context = recordingContext();
    context.storing = 'by hand';
    const { name } = await onQueue({ context });
    await sqs.put(name, ['x']);
    await expect.poll(() => context.received).toHaveLength(1);
    context.received[0]?.fail(new Error('no'));
    await expect.poll(() => context.losses).toMatchObject([{ code: 'lost' }]);
    expect(await left(name)).toEqual(['x']);
  });
});

describe('sending', () => {
  it('answers with the id that SQS gave', async () => {
    const { connection, name, context } = await onQueue({ fifo: true });
    const sent = await send(connection, 'once', { messageGroupId: 'g', messageDeduplicationId: 'd' });
    expect(sent).toEqual({ verdict: 'succeeded', result: { messageId: expect.any(String) } });
    expect(await send(connection, 'once', { messageGroupId: 'g', messageDeduplicationId: 'd' })).toEqual(sent);
    await expect.poll(() => texts(context)).toEqual(['once']);
    await expect.poll(() => left(name)).toEqual([]);
  });

  it.each([
    ['no group in a FIFO queue', 'x', {}, 'MissingParameter', /MessageGroupId/],
    [
      'a character SQS does not take',
      '\u0001',
      { messageGroupId: 'g', messageDeduplicationId: 'd' },
      'InvalidMessageContents',
      /characters/,
    ],
    ['too long', 'x'.repeat(1_100_000), { messageGroupId: 'g', messageDeduplicationId: 'e' }, 'InvalidParameterValue', /shorter/],
  ])("gives SQS's verdict: %s", async (_, payload, options, type, message) => {
    const { connection } = await onQueue({ fifo: true });
    expect(await send(connection, payload, options)).toEqual({
      verdict: 'failed',
      error: { type, message: expect.stringMatching(message) },
    });
  });

  it.each([
    ['bytes that are no text', Buffer.from([0xff]), {}, /base64/],
    ['nothing', '', {}, /empty/],
    [
      'eleven attributes',
      'x',
      { attributes: Object.fromEntries(Array.from({ length: 11 }, (__, i) => [`a${i}`, { value: 'v', dataType: 'String' }])) },
      /attributes.*10/,
    ],
  ])('refuses %s', async (_, payload, options, message) => {
    const { connection } = await onQueue();
    expect(await failure(send(connection, payload, options))).toMatchObject({ code: 'refused', message: expect.stringMatching(message) });
  });

  it('says `unknown` when the answer did not come, and tells a throttled or forbidden send', async () => {
    const { connection } = await onQueue();
    sqs.fail('SendMessage', { status: 400, code: 'RequestThrottled' });
    expect(await failure(send(connection, 'x'))).toMatchObject({ code: 'throttled' });
    sqs.fail('SendMessage', { status: 403, code: 'AccessDenied' });
    expect(await send(connection, 'x')).toEqual({
      verdict: 'failed',
      error: { type: 'AccessDenied', message: 'The access key is not allowed sqs:SendMessage on this queue.' },
    });
    sqs.fail('SendMessage', { status: 500, code: 'InternalFailure' });
    expect(await send(connection, 'x')).toMatchObject({ verdict: 'unknown' });
    sqs.fail('SendMessage', 'cut');
    expect(await send(connection, 'x')).toMatchObject({ verdict: 'unknown', error: { type: 'lost' } });
    sqs.fail('SendMessage', 'stall');
    const sending = send(connection, 'x');
    await expect.poll(() => sqs.calls.filter(({ action }) => action === 'SendMessage').length).toBeGreaterThan(0);
    proxy.drop();
    expect(await sending).toMatchObject({ verdict: 'unknown', error: { type: 'lost' } });
  });
});

describe('refusals', () => {
  it.each([
    ['an unknown key', { accessKeyId: 'AKIAUNKNOWN000000000' }, 'unauthorized', /accessKeyId/],
    ['a wrong secret', { secretAccessKey: 'not/The+Secret' }, 'unauthorized', /secretAccessKey/],
    ['another region', { region: 'us-east-1' }, 'misconfigured', /region/],
  ])('tells %s, and no secret with it', async (_, config, code, message) => {
    const name = queueName();
    const refused = await failure(connected({ queueUrl: await sqs.createQueue(name), ...config }));
    expect(refused).toMatchObject({ name: 'ConnectorError', code, message: expect.stringMatching(message) });
    expect(JSON.stringify([String(refused), refused])).not.toMatch(/Secret/);
  });

  it.each([
    ['ReceiveMessage', { status: 400, code: 'AWS.SimpleQueueService.NonExistentQueue' }, 'misconfigured', /no such queue/],
    ['ReceiveMessage', { status: 400, code: 'AccessDeniedException' }, 'unauthorized', /sqs:ReceiveMessage/],
    ['DeleteMessageBatch', { status: 403, code: 'AccessDenied' }, 'unauthorized', /sqs:DeleteMessage/],
    ['ReceiveMessage', { status: 403, code: 'ExpiredTokenException' }, 'unauthorized', /expired/],
    ['ReceiveMessage', { status: 403, code: 'InvalidSignatureException', message: 'Signature expired: …' }, 'lost', /clock/],
    ['ReceiveMessage', { status: 400, code: 'ThrottlingException' }, 'throttled', /limits/],
    ['ReceiveMessage', { status: 400, code: 'KmsAccessDenied' }, 'unauthorized', /kms:Decrypt/],
    ['ReceiveMessage', { status: 503, code: 'ServiceUnavailable' }, 'lost', /503/],
  ] as const)('tells what %s answers: %o', async (action, fault, code, message) => {
    const queueUrl = await sqs.createQueue(queueName());
    sqs.fail(action, fault);
    expect(await failure(connected({ queueUrl }))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it.each([
    ['a missing queue', () => sqs.url('none'), 'misconfigured', /no such queue/],
    ['a server that is not there', () => 'http://127.0.0.1:1/000000000000/q', 'lost', /ECONNREFUSED/],
    ['a region that is not that of the URL', () => 'https://sqs.us-east-1.amazonaws.com/1/q', 'misconfigured', /us-east-1.*eu-west-1/],
    ['a URL without a queue', () => `http://127.0.0.1:${sqs.port}/`, 'misconfigured', /names no queue/],
  ])('tells %s', async (_, queueUrl, code, message) => {
    expect(await failure(connected({ queueUrl: queueUrl() }))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('tells a queue that is deleted and a credential that is revoked while it is connected', async () => {
    const first = await onQueue();
    await sqs.deleteQueue(first.name);
    await expect.poll(() => first.context.losses, { timeout: 3_000 }).toMatchObject([{ code: 'misconfigured' }]);
    const second = await onQueue();
    sqs.fail('ReceiveMessage', { status: 403, code: 'InvalidClientTokenId' });
    await expect.poll(() => second.context.losses, { timeout: 3_000 }).toMatchObject([{ code: 'unauthorized' }]);
  });

  it('takes the keys of a service credential, and never those of its surroundings', async () => {
    const queueUrl = await sqs.createQueue(queueName());
    const dir = mkdtempSync(join(tmpdir(), 'sluice-sqs-'));
    // Whoever reads it waits for ever.
    const file = join(dir, 'pipe');
    execFileSync('mkfifo', [file]);
    const surroundings = {
      AWS_ACCESS_KEY_ID: SQS_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: SQS_KEY.secretAccessKey,
      AWS_REGION: SQS_KEY.region,
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_MAX_ATTEMPTS: 'many',
      AWS_CONFIG_FILE: file,
      AWS_SHARED_CREDENTIALS_FILE: file,
    };
    Object.assign(process.env, surroundings);
    try {
      const { accessKeyId, secretAccessKey } = SQS_KEY;
      const credential = Object.freeze({ accessKeyId, secretAccessKey, region: SQS_KEY.region });
      const none = { accessKeyId: undefined, secretAccessKey: undefined, region: undefined };
      await connected({ queueUrl, ...none, credential });
      expect(await failure(connected({ queueUrl, ...none, region: SQS_KEY.region }))).toMatchObject({ code: 'misconfigured' });
      expect(await failure(connected({ queueUrl, ...none }))).toMatchObject({ code: 'misconfigured', message: 'region is required.' });
    } finally {
      for (const name of Object.keys(surroundings)) Reflect.deleteProperty(process.env, name);
      rmSync(dir, { recursive: true });
    }
  });
});

describe('broken links', () => {
  it('takes an answer that is garbled for a fault of the link where the server was one of SQS before, at the next attempt too', async () => {
    const { context, proxied } = await onQueue();
    sqs.fail('ReceiveMessage', 'garbled');
    await expect.poll(() => context.losses).toMatchObject([{ code: 'lost', message: 'An answer of the server cannot be read.' }]);
    expect(await failure(connected({ queueUrl: proxied }))).toMatchObject({ code: 'lost' });
    const stranger = createServer((socket) => void socket.end('220 smtp.example\r\n'));
    await new Promise<void>((resolve) => void stranger.listen(0, '127.0.0.1', resolve));
    const { port } = stranger.address() as AddressInfo;
    expect(await failure(connected({ queueUrl: `http://127.0.0.1:${port}/1/q` }))).toMatchObject({ code: 'misconfigured' });
    stranger.close();
  });

  it.each(['cut', 'reset'] as const)(
    'takes an answer that is %s for a link that broke, and not for the words of a server',
    async (fault) => {
      const { context } = await onQueue();
      sqs.fail('ReceiveMessage', fault);
      await expect.poll(() => context.losses).toMatchObject([{ code: 'lost', message: 'Connection Lost (ECONNRESET)' }]);
    },
  );

  it('leaves a probe without an answer when the link is a black hole, and gives up an attempt that is given up', async () => {
    const { connection, proxied } = await onQueue();
    proxy.mode({ kind: 'stall' });
    const context = recordingContext();
    const attempt = failure(connected({ queueUrl: proxied }, { context }));
    await expect.poll(() => context.dialled).toHaveLength(1);
    context.controller.abort();
    expect(await attempt).toMatchObject({ code: 'lost', message: /given up/ });
    expect(await failure(connection.probe())).toMatchObject({ code: 'lost', message: 'Keepalive Timeout' });
  }, 10_000);
});

describe('https', () => {
  let tls: Server;
  const certificates = makeCertificates();
  beforeAll(async () => {
    const { certificate: cert, key } = certificates.server;
    tls = createTlsServer({ cert, key }, (client) => {
      const upstream = connectSocket(sqs.port, '127.0.0.1');
      client.pipe(upstream).pipe(client);
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const)
        socket.on('error', () => other.destroy()).on('close', () => other.destroy());
    });
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void tls.close());

  const origin = (): string => `https://localhost:${(tls.address() as { port: number }).port}`;

  it('speaks TLS over the dialled socket', async () => {
    const name = queueName();
    await sqs.createQueue(name);
    const { connection, context } = await connected({ queueUrl: sqs.url(name, origin()) }, { tls: { caCertificate: certificates.ca } });
    await send(connection, 'secret');
    await expect.poll(() => texts(context)).toEqual(['secret']);
    expect(new Set(context.dialled)).toEqual(new Set([origin().slice('https://'.length)]));
  });

  it('tells a certificate that nobody known signed', async () => {
    expect(await failure(connected({ queueUrl: sqs.url('q', origin()) }))).toMatchObject({
      code: 'misconfigured',
      message: expect.stringMatching(/certificate/),
    });
  });
});
