import {
  type Activity,
  activitySubject,
  configSubject,
  deadLetterSubject,
  inboundSubject,
  type IntegrationType,
  triggeredSubject,
} from '#lib/contracts';
import { decodeActivity, encodeActivity, encodeDeadLetter } from './codec/activity.ts';
import { decodeConfig, encodeConfig } from './codec/config.ts';
import { HeaderBlock, HeaderLines, headersOf, required } from './codec/headers.ts';
import { decodeInbound, encodeInbound } from './codec/inbound.ts';
import { decodeTriggered, encodeTriggered } from './codec/triggered.ts';
import { followConfig, followStream } from './follow.ts';
import { writeFence } from './fence.ts';
import { keyValue } from './key-value.ts';
import type { Link } from './link.ts';
import { asBusError } from './management.ts';
import { verifyStreams } from './migrate.ts';
import { coveredSequence } from './position.ts';
import { deliverTo, partitionFilters } from './readers.ts';
import { request, serve } from './requests.ts';
import { lastNumbered } from './last-numbered.ts';
import { describeStream, lastMessage, listMessages, purgeMessages, removeMessage } from './stored.ts';
import { requireServerVersion } from './streams.ts';
import type { Bus, Position, Reader, StoredInbound, StoredMessage, StoredTriggered } from './types.ts';
import type { Delivery } from './ordered-consumer.ts';
import { publishRaw } from './wire.ts';

export function makeBus(link: Link): Bus {
  const { connection, publisher, replies, servers } = link;
  let activityDropped = 0;

  const read = async (
    stream: string,
    filters: readonly string[],
    from: Position,
    onDelivery: (delivery: Delivery) => void,
  ): Promise<Reader> => {
    if (filters.length === 0) return { stop: async () => undefined, pause: () => undefined, resume: () => undefined };
    try {
      const { consumer, stop } = await link.consume({ stream, filters, after: coveredSequence(from), onDelivery });
      return { stop, pause: () => consumer.pause(), resume: () => consumer.resume() };
    } catch (error) {
      throw asBusError(error, `read ${stream}`);
    }
  };
  const publishActivity = (activity: Activity): void => {
    if (!replies.connected) {
      activityDropped += 1;
      return;
    }
    const { block, body } = encodeActivity(activity);
    try {
      publishRaw(connection, activitySubject(activity.applicationId, activity.kind, activity.id), block.bytes(), body);
    } catch {
      activityDropped += 1; // too large, or closing
    }
  };
  const inboundOf = (message: StoredMessage): StoredInbound => ({
    ...decodeInbound(message.subject, headersOf(message.headers), message.body),
    position: message.position,
  });
  const triggeredOf = (message: StoredMessage): StoredTriggered => ({
    ...decodeTriggered(message.subject, headersOf(message.headers), message.body),
    position: message.position,
  });

  return {
    verify: async () => {
      requireServerVersion(connection.info?.version ?? '0');
      await verifyStreams(link.jsm);
    },
    get connected() {
      return replies.connected;
    },
    onConnection: (listener) => link.onConnection(listener),
    get activityDropped() {
      return activityDropped;
    },

    publishInbound: async (event, messageId, fence) => {
      const { block, body } = encodeInbound(event);
      return await publisher.publish(inboundSubject(event.applicationId, event.sourceId), block, body, { messageId, fence });
    },
    publishInboundBatch: async (batch, fence) =>
      await publisher.publishBatch(
        batch.map(({ event, messageId }) => ({
          ...encodeInbound(event),
          subject: inboundSubject(event.applicationId, event.sourceId),
          messageId,
        })),
        fence,
      ),
    publishTriggered: async (event, fence) => {
      const { block, body } = encodeTriggered(event);
      return await publisher.publish(triggeredSubject(event.applicationId, event.workflowId), block, body, { fence });
    },
    publishOutbound: (subject, body, messageId) => publisher.publish(subject, new HeaderBlock(), body, { messageId }),
    publishConfig: async (change, { expected, ttlSeconds }) => {
      const { block, body } = encodeConfig(change);
      block.set('Nats-Rollup', 'sub');
      if (ttlSeconds !== undefined) block.set('Nats-TTL', `${ttlSeconds}s`);
      const subject = configSubject(change.kind, change.type as IntegrationType | '-', change.applicationId, change.id);
      return await publisher.publish(subject, block, body, { expected });
    },
    publishDeadLetter: async (letter) => {
      const { block, body } = encodeDeadLetter(letter);
      return await publisher.publish(deadLetterSubject(letter.applicationId, letter.sourceId), block, body, { messageId: letter.id });
    },
    publishActivity,
    writeFence: (stream, holder, partition, token) => writeFence(publisher, link, stream, holder, partition, token),

    readInbound: (options) =>
      read('INBOUND', partitionFilters('inbound', options.partitions), options.from, deliverTo(options, decodeInbound)),
    readTriggered: (options) =>
      read('TRIGGERED', partitionFilters('triggered', options.partitions), options.from, deliverTo(options, decodeTriggered)),
    list: (stream, filter, options) => listMessages(link, stream, filter, options),
    last: (stream, subject) => lastMessage(link, stream, subject),
    lastInbound: (applicationId, sourceId) => lastNumbered(link, inboundSubject(applicationId, sourceId), inboundOf),
    decodeTriggered: triggeredOf,
    decodeInbound: inboundOf,
    decodeConfig: (message) => decodeConfig(message.subject, headersOf(message.headers), message.body),
    streamInfo: (stream) => describeStream(link, stream),
    purge: (stream, filter, through) => purgeMessages(link, stream, filter, through),
    remove: (stream, position) => removeMessage(link, stream, position),

    followConfig: (kinds, onChange, onPoison) => followConfig(link, kinds, onChange, onPoison),
    followActivity: async (onActivity) => {
      const { end } = await describeStream(link, 'ACTIVITY');
      return await read('ACTIVITY', ['activity.>'], end, ({ subject, block, body }) => {
        try {
          const time = required(new HeaderLines(block), 'ce-time');
          onActivity(decodeActivity(subject, time, body));
        } catch {
          activityDropped += 1; // not one of ours: viewers see nothing of it
        }
      });
    },

    kv: (bucket) => keyValue(bucket, publisher, link, (stream, filter, onMessage) => followStream(link, stream, filter, onMessage)),

    request: (subject, body, timeoutMs) => request(servers, replies, subject, body, timeoutMs),
    serve: (subject, handler, options) => serve(servers, connection, subject, handler, options),
    close: () => link.close(),
  };
}
