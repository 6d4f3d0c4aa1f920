import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { inboxPrefix } from './connect.ts';
import { OrderedConsumer, type OrderedConsumerOptions } from './ordered-consumer.ts';
import { Publisher } from './publish.ts';
import { Replies } from './replies.ts';
import { joinConnection } from './shared-connection.ts';
import type { BusOptions } from './types.ts';
import { guarded } from './wire.ts';

/** A call that meets a lost link ends with it; a server that is merely slow, as while it starts on a busy machine, is waited for, ms. */
const MANAGEMENT_MS = 20_000;

type ConsumerOptions = Omit<OrderedConsumerOptions, 'connection' | 'jsm' | 'inboxPrefix'>;

/** A connection, perhaps with others on it, and what shares its fate: acknowledgements, ordered consumers, and who wants to know when it is lost. */
export interface Link {
  /** As configured. */
  readonly servers: string;
  readonly connection: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly inboxPrefix: string;
  readonly replies: Replies;
  readonly publisher: Publisher;
  onConnection(listener: (connected: boolean) => void): () => void;
  consume(
    options: ConsumerOptions,
  ): Promise<{ readonly pending: number; readonly consumer: OrderedConsumer; readonly stop: () => Promise<void> }>;
  close(): Promise<void>;
}

export async function openLink(options: BusOptions): Promise<Link> {
  const joined = await joinConnection(options);
  const { connection } = joined;
  const prefix = inboxPrefix(options);
  const replies = new Replies(connection, prefix);
  replies.connected = joined.connected;
  // Unknown while disconnected: then it is the connection that is wrong, and no message too large.
  const publisher = new Publisher(replies, () => connection.info?.max_payload ?? Number.POSITIVE_INFINITY);
  const consumers = new Set<OrderedConsumer>();
  const listeners = new Set<(connected: boolean) => void>();

  joined.onStatus((connected) => {
    if (replies.connected === connected) return;
    replies.connected = connected;
    if (connected) for (const consumer of consumers) consumer.reconnected();
    for (const listener of listeners) guarded(listener)(connected);
  });
  const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: MANAGEMENT_MS });

  return {
    servers: options.servers,
    connection,
    jsm,
    inboxPrefix: prefix,
    replies,
    publisher,
    onConnection: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    consume: async (consumerOptions) => {
      const consumer = new OrderedConsumer({ ...consumerOptions, connection, jsm, inboxPrefix: prefix });
      consumers.add(consumer);
      const stop = async (): Promise<void> => {
        consumer.stop();
        consumers.delete(consumer);
      };
      try {
        const { pending } = await consumer.start();
        return { pending, consumer, stop };
      } catch (error) {
        await stop();
        throw error;
      }
    },
    close: async () => {
      for (const consumer of consumers) consumer.stop();
      consumers.clear();
      listeners.clear();
      if (replies.connected) await connection.flush().catch(() => undefined); // lost meanwhile: nothing is left to flush
      replies.close();
      await joined.leave();
    },
  };
}
