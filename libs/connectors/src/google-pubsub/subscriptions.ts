import type { Subscription } from '@google-cloud/pubsub';
import { status } from '@grpc/grpc-js';
import { ConnectorError } from '#lib/connector-sdk';
import type { Client } from './client.ts';
import { CALL, type Listed } from './listing.ts';
import { bareName, isOurs, ownerLabels, subscriptionName } from './names.ts';
import { type Attempt, callError, hasCode } from './reasons.ts';

/** What Google calls the topic of a subscription whose topic was deleted. */
const DELETED_TOPIC = '_deleted-topic_';
const AT_ONCE = 8;

const attemptOn = (client: Client, topic: string): Attempt => ({
  projectId: client.projectId,
  doing: `subscribe to the topic ${topic}`,
  missing: `There is no topic ${topic} in the project ${client.projectId}: create it, or correct the name.`,
});

/** Throws ConnectorError when the topic of one of our subscriptions is gone, or it is none of ours. False: it must be made anew. */
function isUsable(client: Client, integrationId: string, topic: string, metadata: Subscription['metadata']): boolean {
  const name = bareName(metadata?.name ?? '');
  if (!isOurs(integrationId, name, metadata?.labels))
    throw new ConnectorError('misconfigured', `The subscription ${name} in the project ${client.projectId} is not ours: remove it.`);
  return metadata?.topic === `projects/${client.projectId}/topics/${topic}`;
}

/** Finds or makes our subscription to a topic. Rejects ConnectorError. */
async function ensure(client: Client, integrationId: string, topic: string): Promise<void> {
  const { pubsub, call } = client;
  const name = subscriptionName(integrationId, topic);
  const create = async (): Promise<void> => {
    // Messages with an ordering key come in order; without one nothing changes. It can only be chosen now.
    const options = { labels: ownerLabels(integrationId), enableMessageOrdering: true, gaxOpts: CALL };
    await call(pubsub.createSubscription(topic, name, options));
  };
  try {
    const found = await call(pubsub.subscription(name).getMetadata(CALL)).catch((error: unknown) => {
      if (hasCode(error, status.NOT_FOUND)) return undefined;
      throw error;
    });
    if (found === undefined) await create();
    else if (!isUsable(client, integrationId, topic, found[0])) {
      // The topic was deleted, and if it is there again our subscription is not one to it.
      await call(pubsub.topic(topic).getMetadata(CALL));
      await call(pubsub.subscription(name).delete(CALL));
      await create();
    }
  } catch (error) {
    throw callError(error, attemptOn(client, topic));
  }
}

/** Finds or makes our subscription to each topic; their bare names, in the order of `topics`. Rejects ConnectorError. */
export async function ensureSubscriptions(client: Client, integrationId: string, topics: readonly string[]): Promise<string[]> {
  for (let at = 0; at < topics.length; at += AT_ONCE)
    await Promise.all(topics.slice(at, at + AT_ONCE).map((topic) => ensure(client, integrationId, topic)));
  return topics.map((topic) => subscriptionName(integrationId, topic));
}

/** Proves that one of our subscriptions is there, with its topic. Rejects ConnectorError. */
export async function proveSubscription(client: Client, name: string, topic: string, timeout: number): Promise<void> {
  const { projectId } = client;
  let metadata: Subscription['metadata'];
  try {
    // An answer that tells of a moment's trouble is asked for again by the library, within the time-out.
    [metadata] = await client.call(client.pubsub.subscription(name).getMetadata({ timeout }));
  } catch (error) {
    if (hasCode(error, status.RESOURCE_EXHAUSTED)) return; // an answer all the same
    if (hasCode(error, status.NOT_FOUND)) throw new ConnectorError('lost', `Our subscription to the topic ${topic} was removed.`);
    throw callError(error, { projectId, doing: 'read its subscription', missing: '' });
  }
  if (metadata?.topic === DELETED_TOPIC) throw new ConnectorError('misconfigured', `The topic ${topic} was deleted.`);
}

const ATTACH = 'pubsub.topics.attachSubscription';

/** Proves that a topic is there and may be subscribed to, by our subscription if there is one. Makes none. Rejects ConnectorError. */
export async function proveTopic(client: Client, integrationId: string, topic: string): Promise<void> {
  const { pubsub, call } = client;
  const attempt = attemptOn(client, topic);
  try {
    const found = await call(pubsub.subscription(subscriptionName(integrationId, topic)).getMetadata(CALL)).catch((error: unknown) => {
      if (hasCode(error, status.NOT_FOUND)) return undefined;
      throw error;
    });
    if (found !== undefined && isUsable(client, integrationId, topic, found[0])) return;
    await call(pubsub.topic(topic).getMetadata(CALL));
    if (!(await mayAttach(client, topic)))
      throw new ConnectorError('unauthorized', `The service account may not subscribe to the topic ${topic}: it lacks ${ATTACH}.`);
  } catch (error) {
    throw callError(error, attempt);
  }
}

async function mayAttach({ pubsub, call }: Client, topic: string): Promise<boolean> {
  try {
    const [allowed] = await call(pubsub.topic(topic).iam.testPermissions([ATTACH], CALL));
    return allowed?.[ATTACH] === true;
  } catch (error) {
    if (hasCode(error, status.UNIMPLEMENTED)) return true; // the emulator has no permissions: everyone may
    throw error;
  }
}

/** Proves the key where there is no subscription. One that may only publish is told so by a refusal, which proves as much. Rejects ConnectorError. */
export async function proveKey(client: Client, timeout: number): Promise<void> {
  const { projectId } = client;
  try {
    await client.call(client.pubsub.getTopics({ pageSize: 1, autoPaginate: false, gaxOpts: { timeout } }));
  } catch (error) {
    const refused = callError(error, { projectId, doing: 'use Pub/Sub', missing: `There is no project ${projectId}.` });
    if (refused.code === 'throttled' || (refused.code === 'unauthorized' && hasCode(error, status.PERMISSION_DENIED))) return;
    throw refused;
  }
}

/** Removes our subscriptions among those listed but those to `topics`. Rejects with what the library rejects with. */
export async function removeSubscriptions(
  client: Client,
  integrationId: string,
  topics: readonly string[],
  listed: readonly Listed[],
): Promise<void> {
  const wanted = new Set(topics.map((topic) => subscriptionName(integrationId, topic)));
  for (const { name, labels } of listed) if (isOurs(integrationId, name, labels) && !wanted.has(name)) await removeOne(client, name);
}

async function removeOne({ pubsub, call }: Client, name: string): Promise<void> {
  try {
    await call(pubsub.subscription(name).delete(CALL));
  } catch (error) {
    if (!hasCode(error, status.NOT_FOUND)) throw error;
  }
}

/** Removes our subscription to a topic, if it is ours. */
export async function removeSubscription(client: Client, integrationId: string, topic: string): Promise<void> {
  const name = subscriptionName(integrationId, topic);
  try {
    const [metadata] = await client.call(client.pubsub.subscription(name).getMetadata(CALL));
    if (isOurs(integrationId, name, metadata?.labels)) await removeOne(client, name);
  } catch (error) {
    if (!hasCode(error, status.NOT_FOUND)) throw error;
  }
}
