import { type CheckContext, type ConnectionConfig, ConnectorError } from '#lib/connector-sdk';
import { openConsumer, openProducer } from './client.ts';
import type { ResolvedAzureEventHubConfig } from './config.ts';
import type { ConnectOptions } from './library.ts';
import { NOBODY, PartitionReader } from './partition-reader.ts';
import { codeOf, isAboutHub, reasonOf } from './reasons.ts';
import { targetOf } from './target.ts';

/**
 * Asks for the hub, attaches a reader for a moment (without an epoch, so that it takes no partition from anyone, and without a checkpoint), and opens a link
 * to send over: an empty batch asks it how much it takes. No event is sent.
 */
export async function check(
  { config }: ConnectionConfig<ResolvedAzureEventHubConfig>,
  context: CheckContext,
  { port, tls }: ConnectOptions,
): Promise<void> {
  const target = targetOf(config, port);
  const { step } = context;
  const consumer = openConsumer(target, context, tls);
  const { client, transport } = consumer;
  const producer = openProducer(target, context, tls);
  let refusal: ConnectorError | undefined;
  let partitionIds: readonly string[] = [];
  try {
    await step('authenticate', 'Event Hubs accepts the key.', async () => {
      try {
        ({ partitionIds } = await transport.orEnd(client.getEventHubProperties()));
      } catch (error) {
        const reason = reasonOf(error, { target, doing: 'read the hub' });
        if (!isAboutHub(error)) throw reason;
        refusal = reason;
      }
    });
    await step('authorise', `The hub ${target.hub} is there, and the key may read it.`, async () => {
      if (refusal !== undefined) throw refusal;
    });
    await step('authorise', `The consumer group ${target.consumerGroup} is there.`, async () => {
      const reader = new PartitionReader(consumer, partitionIds[0] ?? '0', undefined, undefined, NOBODY);
      await transport.orEnd(reader.prove()).catch((error: unknown) => {
        // Refused because somebody, perhaps this very integration, reads it with an epoch: it is there.
        if (codeOf(error) !== 'ReceiverDisconnectedError') throw reasonOf(error, { target, doing: 'receive from the hub' });
      });
    });
    await step('authorise', 'The key may send to the hub.', async () => {
      await producer.transport.orEnd(producer.client.createBatch()).catch((error: unknown) => {
        throw reasonOf(error, { target, doing: 'send to the hub' });
      });
    });
  } finally {
    await Promise.all([consumer.close(), producer.close()]);
  }
}
