import { type JetStreamManager, JetStreamApiError, type StoredMsg } from '@nats-io/jetstream';
import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { type Headers, parseHeaders, statusOf } from './codec/headers.ts';
import { managed } from './management.ts';
import { coveredSequence, positionOf, startAfter } from './position.ts';
import type { Replies } from './replies.ts';
import { BusError, type Position, type StoredMessage } from './types.ts';
import { guarded, headerBlock, publishRaw } from './wire.ts';

/** What the stored-message calls need of a connection. */
export interface StoredAccess {
  readonly connection: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly inboxPrefix: string;
  readonly replies: Pick<Replies, 'orLost'>;
}

const DEFAULT_MAX = 1_000;
const BATCH = 256;
const BATCH_BYTES = 16 * 1024 * 1024;
const SILENCE_MS = 5_000;

/** The last stored message of a subject, from the stream's leader, so that nobody's own write is missed. */
export async function lastMessage(access: StoredAccess, stream: string, subject: string): Promise<StoredMessage | undefined> {
  return await managed(`read the last message of ${subject}`, async () => {
    const asked = access.replies.orLost(() => access.jsm.streams.getMessage(stream, { last_by_subj: subject }));
    const stored = await asked.catch((error: unknown) => {
      if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return null;
      throw error;
    });
    return stored === null ? undefined : fromStored(stored);
  });
}

const NO_MESSAGE = 10_037;

function fromStored(stored: StoredMsg): StoredMessage {
  const headers: Headers = {};
  for (const [name, values] of stored.header ?? []) headers[name] = values.at(-1) ?? '';
  return { position: positionOf(stored.seq), subject: stored.subject, headers, body: stored.data, time: stored.time.toISOString() };
}

/** Every stored message of a filter, oldest first, up to `max`; read in batches directly from the store, without a consumer. */
export async function listMessages(
  access: StoredAccess,
  stream: string,
  filter: string,
  options: { after?: Position; max?: number } = {},
): Promise<StoredMessage[]> {
  const { after = 0, max = DEFAULT_MAX } = options;
  const found: StoredMessage[] = [];
  let from = startAfter(after);
  while (found.length < max) {
    const wanted = { seq: from, next_by_subj: filter, batch: Math.min(BATCH, max - found.length) };
    const batch = await access.replies.orLost(() => readBatch(access, stream, wanted));
    for (const { message } of batch.messages) found.push(message);
    const last = batch.messages.at(-1);
    if (last === undefined || batch.complete) break;
    from = last.sequence + 1;
  }
  return found;
}

interface Batch {
  readonly messages: { sequence: number; message: StoredMessage }[];
  /** Nothing of the filter is left behind these. */
  readonly complete: boolean;
}

function readBatch(
  { connection, inboxPrefix }: StoredAccess,
  stream: string,
  request: { seq: number; next_by_subj: string; batch: number },
): Promise<Batch> {
  return new Promise((resolve, reject) => {
    const messages: Batch['messages'] = [];
    const inbox = createInbox(inboxPrefix);
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      subscription.unsubscribe();
      settle();
    };
    const silence = (): void => finish(() => reject(new BusError('unavailable', `${stream} did not answer a listing in time`)));
    let timer = setTimeout(silence, SILENCE_MS);
    const receive = (message: Msg): void => {
      const block = headerBlock(message);
      const status = statusOf(block);
      if (status.code === 0) {
        messages.push(fromDirect(parseHeaders(block), message.data));
        clearTimeout(timer);
        timer = setTimeout(silence, SILENCE_MS);
        return;
      }
      // 204: end of the batch, with what is left; 404: nothing there.
      if (status.code === 204) finish(() => resolve({ messages, complete: Number(parseHeaders(block)['Nats-Num-Pending'] ?? 0) === 0 }));
      else if (status.code === 404) finish(() => resolve({ messages, complete: true }));
      else finish(() => reject(new BusError('unavailable', `${stream} refuses a listing: ${status.code} ${status.description}`)));
    };
    const subscription = connection.subscribe(inbox, {
      callback: guarded(
        (error, message) => {
          if (error === null) receive(message);
          else throw error;
        },
        (error) => finish(() => reject(new BusError('unavailable', `${stream} cannot be listed`, { cause: error }))),
      ),
    });
    const body = Buffer.from(JSON.stringify({ ...request, max_bytes: BATCH_BYTES }));
    publishRaw(connection, `$JS.API.DIRECT.GET.${stream}`, undefined, body, inbox);
  });
}

/** What the store adds to a message it hands out directly. */
const DIRECT = ['Nats-Stream', 'Nats-Subject', 'Nats-Sequence', 'Nats-Time-Stamp', 'Nats-Num-Pending', 'Nats-Last-Sequence'];

function fromDirect(headers: Headers, body: Uint8Array): { sequence: number; message: StoredMessage } {
  const sequence = Number(headers['Nats-Sequence']);
  const subject = headers['Nats-Subject'] ?? '';
  const time = new Date(headers['Nats-Time-Stamp'] ?? 0).toISOString();
  for (const name of DIRECT) delete headers[name];
  return { sequence, message: { position: positionOf(sequence), subject, headers, body, time } };
}

export async function describeStream(
  access: StoredAccess,
  stream: string,
): Promise<{ end: Position; created: string; messages: number; bytes: number }> {
  const { state, created } = await managed(`describe ${stream}`, () => access.replies.orLost(() => access.jsm.streams.info(stream)));
  return { end: positionOf(state.last_seq), created, messages: state.messages, bytes: state.bytes };
}

/** Purges by filter only: fences live in the same streams. */
export async function purgeMessages(access: StoredAccess, stream: string, filter: string, through: Position): Promise<void> {
  await managed(`purge ${filter}`, () =>
    access.replies.orLost(() => access.jsm.streams.purge(stream, { filter, seq: coveredSequence(through) + 1 })),
  );
}

/** Removing what is no longer there is no failure. */
export async function removeMessage(access: StoredAccess, stream: string, position: Position): Promise<void> {
  await managed(`remove from ${stream}`, async () => {
    const asked = access.replies.orLost(() => access.jsm.streams.deleteMessage(stream, coveredSequence(position), false));
    await asked.catch((error: unknown) => {
      if (!(error instanceof JetStreamApiError && GONE.has(error.code))) throw error;
    });
  });
}

/** No message found, and how the file store says the same of a sequence (message delete failed). */
const GONE = new Set([NO_MESSAGE, 10_057]);
