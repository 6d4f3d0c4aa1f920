import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { HeaderBlock, parseHeaders, statusOf } from './codec/headers.ts';
import { announce, nearby } from './nearby.ts';
import type { Replies } from './replies.ts';
import { BusError } from './types.ts';
import { headerBlock, publishRaw } from './wire.ts';

const FAILED = 'Sluice-Failed';
const ignore = (): void => undefined;
const FAILED_BLOCK = new HeaderBlock().set(FAILED, 'true').bytes();

/**
 * Core request/reply; a responder in this process is asked directly. Rejects BusError `noResponders`, `timeout`, or `unavailable` when disconnected or when
 * the other side failed.
 */
export async function request(
  servers: string,
  replies: Replies,
  subject: string,
  body: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  const handler = nearby(servers, subject);
  if (handler !== undefined) return await replies.direct(() => handler(subject, body), timeoutMs);
  const reply = await replies.call(subject, undefined, body, timeoutMs, 'timeout');
  const block = headerBlock(reply);
  if (block.length === 0) return reply.data;
  if (statusOf(block).code === 503) throw new BusError('noResponders', `nobody answers ${subject}`);
  if (parseHeaders(block)[FAILED] !== undefined) throw new BusError('unavailable', `the answer to ${subject} failed`);
  return reply.data;
}

/** Answers each request with what the handler resolves to; a handler that fails is answered as failed, so nobody waits for its time-out. */
export function serve(
  servers: string,
  connection: NatsConnection,
  subject: string,
  handler: (subject: string, body: Uint8Array) => Promise<Uint8Array>,
  options: { queue?: string } = {},
): { stop(): Promise<void> } {
  const running = new Set<Promise<void>>();
  const answer = async (message: Msg): Promise<void> => {
    const reply = message.reply;
    const send = (block: Uint8Array | undefined, body: Uint8Array): void => {
      if (reply !== undefined && reply !== '' && !connection.isClosed()) publishRaw(connection, reply, block, body, undefined);
    };
    try {
      send(undefined, await handler(message.subject, message.data));
    } catch {
      // Its reason is the handler's to log; the other side learns only that it failed.
      send(FAILED_BLOCK, new Uint8Array(0));
    }
  };
  const track = (work: Promise<void>): void => {
    running.add(work);
    void work.then(() => running.delete(work));
  };
  const subscription = connection.subscribe(subject, {
    ...(options.queue === undefined ? {} : { queue: options.queue }),
    callback: (error, message) => {
      if (error !== null) return; // the subscription is gone; the connection's own status says why
      track(answer(message));
    },
  });
  const forget = announce(servers, subject, {
    handler: (asked, body) => {
      const answered = handler(asked, body);
      track(answered.then(ignore, ignore)); // the one who asks gets the outcome
      return answered;
    },
    listening: () => !connection.isClosed(),
  });
  return {
    stop: async () => {
      forget();
      subscription.unsubscribe();
      await Promise.all(running);
    },
  };
}
