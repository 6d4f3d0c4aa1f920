import { startFaultProxy } from '../servers/fault-proxy.ts';
import { SQS_KEY, SQS_SECOND_KEY, startSqs } from '../servers/sqs.ts';
import type { Configured, Driver, ProviderServer } from './driver.ts';
import { packageVersion } from './package-version.ts';

export const sqs: Driver = {
  type: 'sqs',
  message: 'data.message',
  named: ({ queueUrl, ...fields }) => ({ type: 'aws', fields, config: { queueUrl } }),
  start,
};

async function start(): Promise<ProviderServer> {
  const server = await startSqs();
  const known = new Map(server.keys);
  const proxy = await startFaultProxy({ port: server.port });
  const configured = (name: string, key = SQS_KEY): Configured => ({
    topics: [],
    config: { queueUrl: server.url(name, `http://127.0.0.1:${proxy.port}`), ...key },
    secrets: [key.secretAccessKey],
  });
  return {
    name: `fauxqs ${packageVersion('fauxqs')}`,
    settings: {},
    proxy,
    source: async (name, { ordered = false } = {}) => {
      const queue = ordered ? `${name}.fifo` : name;
      await server.createQueue(queue, ordered ? { FifoQueue: 'true' } : {});
      return {
        ...configured(queue),
        rotated: configured(queue, SQS_SECOND_KEY),
        refused: () => configured(queue, { ...SQS_KEY, secretAccessKey: 'wrong' }),
        publish: (bodies) => server.put(queue, bodies.map(String), ordered ? 'group' : undefined),
        kept: async () => {
          const { ready, inflight } = await server.inspect(queue);
          return ready.length + inflight.length;
        },
        redeliver: () => server.redeliver(queue),
        remains: () => Promise.resolve([]),
      };
    },
    outlet: async (name) => {
      await server.createQueue(name);
      return {
        ...configured(name),
        options: {},
        node: (integrationId, dataTemplate) => ({
          type: 'SqsSendNode',
          config: { integrationId, dataTemplate, resultPath: 'working.sent' },
        }),
        // An integration reads its own queue, so what arrived there is what the server took.
        sent: () =>
          server.calls.flatMap(({ action, body }) =>
            action === 'SendMessage' && String(body['QueueUrl']).endsWith(`/${name}`) ? [String(body['MessageBody'])] : [],
          ),
      };
    },
    missing: () => Promise.resolve(configured('missing')),
    revoke: () => Promise.resolve(server.keys.clear()),
    deafen: () => server.fail('DeleteMessageBatch', 'stall'),
    restore: () => {
      server.heal();
      for (const [id, secret] of known) server.keys.set(id, secret);
      return Promise.resolve();
    },
    stop: async () => {
      await proxy.stop();
      await server.stop();
    },
  };
}
