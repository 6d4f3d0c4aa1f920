import { status } from '@grpc/grpc-js';
import {
  type CheckContext,
  type Connection,
  type ConnectionConfig,
  type ConnectionContext,
  ConnectorError,
  type Sender,
  type SenderContext,
} from '#lib/connector-sdk';
import type { Service } from './channel.ts';
import { Channels } from './channels.ts';
import { type Client, joinClient, openClient } from './client.ts';
import type { ResolvedGooglePubSubConfig } from './config.ts';
import { CALL, listSubscriptions } from './listing.ts';
import { publish } from './publish.ts';
import { failureOf } from './reasons.ts';
import { PubSubSession } from './session.ts';
import { ensureSubscriptions, proveKey, proveTopic, removeSubscription, removeSubscriptions } from './subscriptions.ts';

type Config = ConnectionConfig<ResolvedGooglePubSubConfig>;

// What needs Google's client: loaded at the first connect.

/** Google lets one connection carry 100 streams, and calls need some. */
const MAX_TOPICS = 90;

const channels = new Channels();

/** Rejects ConnectorError. `sweep`: also look for subscriptions of topics that went away; `unswept` is called when that was cut short. */
export async function connect(
  config: Config,
  context: ConnectionContext,
  { service, sweep, unswept }: { service: Service | undefined; sweep: boolean; unswept: () => void },
): Promise<Connection> {
  const { integrationId, topics } = config;
  if (topics.length > MAX_TOPICS)
    throw new ConnectorError('misconfigured', `An integration has at most ${MAX_TOPICS} topics: put the others into another one.`);
  const client = await joinClient(config, context, service, channels);
  try {
    const names = await ensureSubscriptions(client, integrationId, topics);
    if (topics.length === 0) await proveKey(client, CALL.timeout);
    context.proven('subscription');
    if (sweep) void removeStale(client, config, context, unswept);
    return new PubSubSession(
      client,
      topics.map((topic, index) => ({ topic, name: names[index] ?? '' })),
      context,
    );
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** What publishes, and makes no subscription. Rejects ConnectorError. */
export async function openSender(config: Config, context: SenderContext, service: Service | undefined): Promise<Sender> {
  const client = await openClient(config, context, service);
  client.onEnd((error) => context.lost(error));
  return {
    send: async (message) => {
      const outcome = await publish(client, message);
      // The key itself is refused; what it may not do says nothing of the next topic.
      if (outcome.error?.type === status[status.UNAUTHENTICATED]) context.lost(new ConnectorError('unauthorized', outcome.error.message));
      return outcome;
    },
    close: async () => await client.close(),
  };
}

/** Asks for the key, and for each topic whether it is there and may be subscribed to. No subscription is made. */
export async function check(config: Config, context: CheckContext, service: Service | undefined): Promise<void> {
  const { step } = context;
  const client = await openClient(config, context, service);
  try {
    const words = service?.trust === 'plain' ? 'The emulator answers; it asks for no key.' : 'Google accepts the key.';
    await step('authenticate', words, async () => await proveKey(client, CALL.timeout));
    const asked = config.topics.map((topic) => {
      const answer = proveTopic(client, config.integrationId, topic);
      answer.catch(() => undefined); // told below
      return { topic, answer };
    });
    for (const { topic, answer } of asked)
      // One that is refused says nothing of the next.
      await step('authorise', `The topic ${topic} is there, and the service account may subscribe to it.`, () => answer).catch(
        () => undefined,
      );
  } finally {
    await client.close();
  }
}

/** Best effort, beside the integration's work: what is left over costs, and holds messages that nobody reads. */
async function removeStale(
  client: Client,
  { integrationId, topics }: Config,
  context: ConnectionContext,
  unswept: () => void,
): Promise<void> {
  try {
    await removeSubscriptions(client, integrationId, topics, await client.listed());
  } catch (error) {
    if (client.error !== undefined) return unswept();
    const { code } = failureOf(error);
    context.log.warn(`subscriptions of topics that were taken out could not be removed (code ${code ?? 'unknown'})`);
  }
}

/** Removes every subscription that we made for an integration. */
export async function dispose(
  config: Config,
  context: Pick<ConnectionContext, 'dial' | 'signal' | 'log'>,
  service: Service | undefined,
): Promise<void> {
  const client = await openClient(config, context, service);
  try {
    // By their names first: listing needs a right that using them doesn't.
    for (const topic of config.topics) await removeSubscription(client, config.integrationId, topic);
    const listed = await listSubscriptions(client.pubsub, client.call);
    await removeSubscriptions(client, config.integrationId, [], listed);
  } finally {
    await client.close();
  }
}
