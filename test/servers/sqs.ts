import { createHash, createHmac } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { buildApp } from 'fauxqs';

/** The access keys that the server knows from its start. */
export const SQS_KEY = { accessKeyId: 'AKIATESTSLUICE000001', secretAccessKey: 'a/Secret+Access/Key', region: 'eu-west-1' };

export const SQS_SECOND_KEY = { accessKeyId: 'AKIATESTSLUICE000002', secretAccessKey: 'another+Secret/Key', region: 'eu-west-1' };

/**
 * How an action is answered instead: as AWS does it in its JSON protocol. stall: not at all. reset: by a link that breaks; cut: in the middle
 * of the answer; garbled: by what nobody can read.
 */
export type SqsFault =
  | { readonly status: number; readonly code: string; readonly message?: string }
  | 'stall'
  | 'cut'
  | 'reset'
  | 'garbled';

export interface SqsCall {
  readonly action: string;
  readonly body: Record<string, unknown>;
}

interface Inspected {
  readonly ready: readonly { body: string }[];
  readonly inflight: readonly { message: { body: string }; receiptHandle: string; visibilityDeadline: number }[];
}

export interface SqsServer {
  readonly port: number;
  /** Secrets by the access key ids that are known. */
  readonly keys: Map<string, string>;
  /** The URL of a queue at another origin: through a proxy, over TLS. */
  url(name: string, origin?: string): string;
  createQueue(name: string, attributes?: Record<string, string>): Promise<string>;
  deleteQueue(name: string): Promise<void>;
  /** Puts messages in, in their order; in a FIFO queue into the group, each once. */
  put(name: string, bodies: readonly string[], group?: string): Promise<void>;
  inspect(name: string): Promise<Inspected>;
  /** Shows what was received and not deleted again, as when its time is over. */
  redeliver(name: string): Promise<void>;
  /** Answers an action (`ReceiveMessage`, …) with a fault until `heal`. */
  fail(action: string, fault: SqsFault): void;
  heal(): void;
  /** What clients asked, in its order. */
  readonly calls: SqsCall[];
  stop(): Promise<void>;
}

/** npm's fauxqs on 127.0.0.1 behind what it lacks: it checks signatures as AWS does, and fails on demand. A fault proxy breaks its links. */
export async function startSqs(): Promise<SqsServer> {
  const app = buildApp({ logger: false });
  const faults = new Map<string, SqsFault>();
  const calls: SqsCall[] = [];
  const keys = new Map([SQS_KEY, SQS_SECOND_KEY].map(({ accessKeyId, secretAccessKey }) => [accessKeyId, secretAccessKey]));
  const own = createHash('sha256').update(`${process.pid}:${Math.random()}`).digest('hex');

  app.addHook('preHandler', async (request, reply) => {
    if (request.headers['x-test-owner'] === own) return;
    const action = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
    calls.push({ action, body: request.body as Record<string, unknown> });
    const fault = faults.get(action) ?? signatureFault(keys, request.method, request.url, request.headers);
    if (fault === undefined) return;
    if (typeof fault === 'string') {
      reply.hijack();
      if (fault === 'reset') request.raw.socket.resetAndDestroy();
      if (fault === 'garbled') request.raw.socket.end('\u001aTTP/1.1 200 OK\r\n\r\n');
      if (fault !== 'cut') return;
      reply.raw.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': '100' });
      reply.raw.write('{"Mess', () => request.raw.socket.destroy());
      return;
    }
    await reply
      .status(fault.status)
      .header('content-type', 'application/x-amz-json-1.0')
      .header('x-amzn-query-error', `${fault.code};Sender`)
      .send({ __type: `com.amazon.coral.service#${fault.code}`, message: fault.message ?? 'refused by the test' });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const url = (name: string, origin = `http://127.0.0.1:${port}`): string => `${origin}/000000000000/${name}`;

  /** `unless`: a refusal that is fine too. */
  const ask = async (action: string, body: Record<string, unknown>, unless?: string): Promise<void> => {
    const answer = await app.inject({
      method: 'POST',
      url: '/',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
        'x-test-owner': own,
        // Where it reads the region of a new queue.
        authorization: `AWS4-HMAC-SHA256 Credential=${SQS_KEY.accessKeyId}/20260101/${SQS_KEY.region}/sqs/aws4_request`,
      },
      payload: body,
    });
    if (answer.statusCode !== 200 && (unless === undefined || !answer.body.includes(unless)))
      throw new Error(`the SQS server refuses ${action}: ${answer.body}`);
  };
  const inspect = async (name: string): Promise<Inspected> => {
    const answer = await app.inject({ method: 'GET', url: `/_fauxqs/queues/${name}`, headers: { 'x-test-owner': own } });
    return answer.json<{ messages: Inspected }>().messages;
  };
  let puts = 0;
  return {
    port,
    keys,
    inspect,
    redeliver: async (name) => {
      for (const { receiptHandle } of (await inspect(name)).inflight)
        await ask(
          'ChangeMessageVisibility',
          { QueueUrl: url(name), ReceiptHandle: receiptHandle, VisibilityTimeout: 0 },
          'MessageNotInflight', // deleted meanwhile
        );
    },
    url,
    calls,
    createQueue: async (name, Attributes = {}) => {
      await ask('CreateQueue', { QueueName: name, Attributes });
      return url(name);
    },
    deleteQueue: async (name) => await ask('DeleteQueue', { QueueUrl: url(name) }),
    put: async (name, bodies, group) => {
      for (const MessageBody of bodies)
        await ask('SendMessage', {
          QueueUrl: url(name),
          MessageBody,
          ...(group === undefined ? {} : { MessageGroupId: group, MessageDeduplicationId: `put-${++puts}` }),
        });
    },
    fail: (action, fault) => void faults.set(action, fault),
    heal: () => faults.clear(),
    stop: async () => await app.close(),
  };
}

/** AWS Signature Version 4, as the service judges it; undefined: it is right. */
function signatureFault(
  keys: ReadonlyMap<string, string>,
  method: string,
  path: string,
  headers: Record<string, unknown>,
): SqsFault | undefined {
  const found = /Credential=([^/]+)\/(\d+)\/([^/]+)\/sqs\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)/.exec(
    String(headers['authorization']),
  );
  const [, keyId, date = '', region = '', signedHeaders = '', signature] = found ?? [];
  if (keyId === undefined) return { status: 403, code: 'MissingAuthenticationToken' };
  const secret = keys.get(keyId);
  if (secret === undefined) return { status: 403, code: 'InvalidClientTokenId', message: `No key ${keyId} is known.` };
  if (region !== SQS_KEY.region)
    return { status: 403, code: 'SignatureDoesNotMatch', message: `Credential should be scoped to a valid region, not '${region}'.` };
  const canonical = [
    method,
    path,
    '',
    ...signedHeaders.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signedHeaders,
    String(headers['x-amz-content-sha256']),
  ].join('\n');
  const scope = `${date}/${region}/sqs/aws4_request`;
  const hash = createHash('sha256').update(canonical).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', String(headers['x-amz-date']), scope, hash].join('\n');
  const key = [date, region, 'sqs', 'aws4_request'].reduce<string | Buffer>(
    (under, part) => createHmac('sha256', under).update(part).digest(),
    `AWS4${secret}`,
  );
  const right = createHmac('sha256', key).update(toSign).digest('hex') === signature;
  return right ? undefined : { status: 403, code: 'SignatureDoesNotMatch', message: `The Canonical String should have been\n${canonical}` };
}
