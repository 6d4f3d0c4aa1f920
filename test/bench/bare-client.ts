/**
 * A provider's own client in the plainest loop: receives and acknowledges, and does nothing else. Started by receive.ts, which sends it what to receive; it
 * answers when that many are acknowledged.
 */
import { PubSub } from '@google-cloud/pubsub';
import { DeleteMessageBatchCommand, ReceiveMessageCommand, type ReceiveMessageCommandInput, SQSClient } from '@aws-sdk/client-sqs';

export type Order =
  | {
      readonly kind: 'sqs';
      readonly queueUrl: string;
      readonly region: string;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly count: number;
    }
  | {
      readonly kind: 'googlePubSub';
      readonly port: number;
      readonly projectId: string;
      readonly subscription: string;
      readonly count: number;
    };

/** Messages with all that a run is told of them. */
const WHOLE: Pick<ReceiveMessageCommandInput, 'MessageAttributeNames' | 'MessageSystemAttributeNames'> = {
  MessageAttributeNames: ['All'],
  MessageSystemAttributeNames: ['All'],
};

async function sqs({ queueUrl: QueueUrl, region, accessKeyId, secretAccessKey, count }: Order & { kind: 'sqs' }): Promise<void> {
  const client = new SQSClient({ region, endpoint: new URL(QueueUrl).origin, credentials: { accessKeyId, secretAccessKey } });
  for (let received = 0; received < count;) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl, ...WHOLE, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 }),
    );
    if (Messages.length === 0) continue;
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
    await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    received += Messages.length;
  }
  client.destroy();
}

async function googlePubSub({ port, projectId, subscription, count }: Order & { kind: 'googlePubSub' }): Promise<void> {
  const client = new PubSub({ projectId, apiEndpoint: `127.0.0.1:${port}`, emulatorMode: true });
  const stream = client.subscription(subscription);
  let received = 0;
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('message', (message) => {
      message.ack();
      received += 1;
      if (received === count) resolve();
    });
  });
  await stream.close();
  await client.close();
}

process.on('message', (order: Order) => {
  const done = order.kind === 'sqs' ? sqs(order) : googlePubSub(order);
  done.then(
    () => process.send?.('done'),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
