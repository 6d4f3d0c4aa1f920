import type { EventHubConsumerClient, EventHubProperties } from '@azure/event-hubs';
import {
  type Connection,
  type ConnectionConfig,
  type ConnectionContext,
  ConnectorError,
  type Sender,
  type SenderContext,
} from '#lib/connector-sdk';
import type { TlsSettings } from '../tls.ts';
import { Checkpoints } from './checkpoints.ts';
import { Consumer } from './consumer.ts';
import type { ResolvedAzureEventHubConfig } from './config.ts';
import { Producer } from './producer.ts';
import type { Position } from './progress.ts';
import type { Pace } from './readers.ts';
import { reasonOf } from './reasons.ts';
import { EventHubSession } from './session.ts';
import type { Start } from './settings.ts';
import type { SharedConnections } from './shared-connections.ts';
import { targetOf } from './target.ts';

// What needs Azure's client: loaded at the first connect.

export interface ConnectOptions {
  /** Instead of the well-known one. */
  readonly port?: number | undefined;
  readonly tls?: TlsSettings | undefined;
  readonly pace?: Partial<Pace>;
  /** Where a hub and consumer group that are new to an integration are read from; default: the latest. */
  readonly start?: Start;
}

/** `read`: take over from whoever read before; else it only asks for the hub, and sends. Rejects ConnectorError. */
export async function connect(
  { applicationId, config, topics }: ConnectionConfig<ResolvedAzureEventHubConfig>,
  context: ConnectionContext,
  { port, tls, pace, start, read, connections }: ConnectOptions & { readonly read: boolean; readonly connections: SharedConnections },
): Promise<Connection> {
  const target = targetOf(config, port);
  const consumer = new Consumer(applicationId, target, context, tls, connections);
  const { client } = consumer;
  let session: EventHubSession | undefined;
  try {
    const hub = await consumer.hub().catch((error: unknown) => {
      throw reasonOf(error, { target, doing: 'read the hub' });
    });
    context.proven('hub');
    const made = (session = new EventHubSession(
      { target, consumer, producer: new Producer(target, context, tls), hub, topics, pace },
      context,
    ));
    if (!read) return made;
    const beginning = async (): Promise<Record<string, Position>> => (start === 'earliest' ? {} : await consumer.orEnd(ends(client, hub)));
    const source = { createdAt: hub.createdOn.getTime(), beginning };
    const checkpoints = await Checkpoints.open(context.state, target, source, made.onTaken);
    await consumer.orEnd(made.start(checkpoints));
    return made;
  } catch (error) {
    const reason = reasonOf(error, { target, doing: 'receive from the hub' });
    if (reason.code === 'lost') consumer.end(reason);
    await (session?.close({ drain: false }) ?? consumer.close());
    throw reason;
  }
}

/** What sends to a hub and reads nothing: a key with the right Send will do. Throws ConnectorError. */
export function openSender(
  { config }: ConnectionConfig<ResolvedAzureEventHubConfig>,
  context: SenderContext,
  { port, tls }: ConnectOptions,
): Sender {
  const producer = new Producer(targetOf(config, port), context, tls);
  return {
    send: async (message) => {
      const outcome = await producer.send(message);
      if (outcome.error?.type === 'UnauthorizedError') context.lost(new ConnectorError('unauthorized', outcome.error.message));
      return outcome;
    },
    close: async () => await producer.close(),
  };
}

/** Where each partition ends now. */
async function ends(client: EventHubConsumerClient, { partitionIds }: EventHubProperties): Promise<Record<string, Position>> {
  const found = await Promise.all(partitionIds.map(async (id) => await client.getPartitionProperties(id)));
  return Object.fromEntries(
    found.map(({ partitionId, lastEnqueuedOffset, lastEnqueuedSequenceNumber, lastEnqueuedOnUtc }) => [
      partitionId,
      { offset: lastEnqueuedOffset, sequenceNumber: lastEnqueuedSequenceNumber, at: lastEnqueuedOnUtc.getTime() },
    ]),
  );
}
