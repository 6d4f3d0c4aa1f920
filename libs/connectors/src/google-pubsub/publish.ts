import { status } from '@grpc/grpc-js';
import { ConnectorError, type SendMessage, type SendOutcome } from '#lib/connector-sdk';
import type { Client } from './client.ts';
import type { GooglePubSubSend } from './config.ts';
import { callError, failureOf } from './reasons.ts';

/** With the wait for its turn; the runtime gives a send up soon after, ms. */
const PUBLISH_TIMEOUT_MS = 4_000;
/** A turn that comes later is of no use, ms. */
const LEAST_MS = 500;
// Google's limits: https://cloud.google.com/pubsub/quotas#resource_limits
const MAX_BYTES = 10_000_000;
const MAX_ATTRIBUTES = 100;
const MAX_KEY_BYTES = 256;
const MAX_VALUE_BYTES = 1_024;

/** Why Google would not take the message; undefined: it would. */
function issueOf(payload: Uint8Array, attributes: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(attributes);
  if (payload.byteLength === 0 && entries.length === 0) return 'a message needs data or an attribute';
  if (payload.byteLength > MAX_BYTES) return `a message has at most ${MAX_BYTES} bytes`;
  if (entries.length > MAX_ATTRIBUTES) return `a message has at most ${MAX_ATTRIBUTES} attributes`;
  for (const [key, value] of entries) {
    if (key === '' || Buffer.byteLength(key) > MAX_KEY_BYTES || key.startsWith('goog'))
      return `the name of an attribute has 1 to ${MAX_KEY_BYTES} bytes and does not begin with goog`;
    if (Buffer.byteLength(value) > MAX_VALUE_BYTES) return `the value of an attribute has at most ${MAX_VALUE_BYTES} bytes`;
  }
  return undefined;
}

const failed = (type: string, message: string): SendOutcome => ({ verdict: 'failed', error: { type, message } });

/** Publishes one message, once. Rejects ConnectorError when nothing was sent: the link was gone, or Google asks for less. */
export async function publish(client: Client, { payload, options }: SendMessage): Promise<SendOutcome> {
  const { topic, attributes = {} } = options as GooglePubSubSend;
  const issue = issueOf(payload, attributes);
  if (issue !== undefined) return failed('Validation', issue);
  if (client.error !== undefined) throw client.error;
  const { projectId } = client;
  const until = performance.now() + PUBLISH_TIMEOUT_MS;
  let begun = false;
  const once = async (): Promise<string> => {
    const timeout = Math.ceil(until - performance.now());
    if (timeout < LEAST_MS)
      throw new ConnectorError('throttled', 'Too many messages are on their way to Pub/Sub, which does not answer in time.');
    begun = true;
    const target = client.pubsub.topic(topic, { batching: { maxMessages: 1 }, gaxOpts: { timeout, retry: null } });
    return await target.publishMessage({ data: Buffer.from(payload), attributes });
  };
  try {
    const messageId = await client.publish(once);
    return { verdict: 'succeeded', result: { messageId } };
  } catch (error) {
    const missing = `There is no topic ${topic} in the project ${projectId}.`;
    const refused = callError(error, { projectId, doing: `publish to the topic ${topic}`, missing });
    if (refused.code === 'throttled' || !begun || !client.wasReady) throw refused;
    // Whether it came through before the link or the answer was lost can't be known.
    if (refused.code === 'lost') return { verdict: 'unknown', error: { type: 'lost', message: refused.message } };
    const { code } = failureOf(error);
    return failed(code === undefined ? refused.code : (status[code] ?? refused.code), refused.message);
  }
}
