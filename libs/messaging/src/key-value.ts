import { HeaderBlock, type Headers } from './codec/headers.ts';
import type { Publisher } from './publish.ts';
import { lastMessage, listMessages, type StoredAccess } from './stored.ts';
import { bucketStream, bucketSubject } from './streams.ts';
import { type BucketName, BusError, type KvBucket, type KvEntry, type StoredMessage } from './types.ts';

/** Follows a bucket's stream: calls back for each stored message and says when the present ones were delivered. */
export type FollowStream = (
  stream: string,
  filter: string,
  onMessage: (subject: string, headers: Headers, body: Uint8Array, sequence: number) => void,
) => Promise<{ stop(): Promise<void> }>;

const OPERATION = 'KV-Operation';
/** A marker of a purged key goes away by itself; a watcher that was away longer starts anew. */
const MARKER_TTL = '86400s';
const MAX_ENTRIES = 1_000_000;

/** A bucket as NATS' own clients lay it out: one message per key, its sequence the revision. */
export function keyValue(bucket: BucketName, publisher: Publisher, access: StoredAccess, follow: FollowStream): KvBucket {
  const stream = bucketStream(bucket);
  const subjectOf = (key: string): string => bucketSubject(bucket, key);
  const keyOf = (subject: string): string => subject.slice(subjectOf('').length);
  const entryOf = (message: StoredMessage): KvEntry => ({
    key: keyOf(message.subject),
    value: message.body,
    revision: message.position,
  });
  const last = (key: string): Promise<StoredMessage | undefined> => lastMessage(access, stream, subjectOf(key));
  const write = async (key: string, value: Uint8Array, expected?: number): Promise<number> => {
    const stored = await publisher.publish(subjectOf(key), new HeaderBlock(), value, expected === undefined ? {} : { expected });
    return stored.position;
  };

  return {
    get: async (key) => {
      const message = await last(key);
      return message === undefined || isRemoved(message.headers) ? undefined : entryOf(message);
    },
    entries: async (prefix) => {
      const filter = subjectOf(prefix === '' ? '>' : `${prefix.replace(/\.$/, '')}.>`);
      const messages = await listMessages(access, stream, filter, { max: MAX_ENTRIES });
      return messages.filter((message) => !isRemoved(message.headers)).map(entryOf);
    },
    put: (key, value) => write(key, value),
    compareAndSet: async (key, value, revision) => {
      try {
        return await write(key, value, revision);
      } catch (error) {
        if (!(error instanceof BusError && error.code === 'sequence' && revision === 0)) throw error;
        // The key may be gone and only its marker there: that counts as not existing.
        const marker = await last(key);
        if (marker === undefined || !isRemoved(marker.headers)) throw error;
        return await write(key, value, marker.position);
      }
    },
    purge: async (key) => {
      const block = new HeaderBlock().set(OPERATION, 'PURGE').set('Nats-Rollup', 'sub').set('Nats-TTL', MARKER_TTL);
      await publisher.publish(subjectOf(key), block, new Uint8Array(0));
    },
    watch: (onEntry) =>
      follow(stream, subjectOf('>'), (subject, headers, body, sequence) =>
        onEntry(keyOf(subject), isRemoved(headers) ? undefined : body, sequence),
      ),
  };
}

/** A marker of ours or one that the server leaves. */
const isRemoved = (headers: Headers): boolean => headers[OPERATION] !== undefined || headers['Nats-Marker-Reason'] !== undefined;
