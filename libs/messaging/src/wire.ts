import type { Msg, MsgHdrs, NatsConnection, PublishOptions } from '@nats-io/nats-core';

/**
 * The header block of a message, raw. The client parses it lazily into a class that is slow; the block stands right before the payload in the same buffer,
 * and `size()` counts subject, reply, block and payload, so its place follows from public properties.
 */
export function headerBlock(message: Msg): Buffer {
  const body = message.data;
  const length = (message as Msg & Sized).size() - message.subject.length - (message.reply?.length ?? 0) - body.length;
  if (length <= 0) return Buffer.alloc(0);
  return Buffer.from(body.buffer, body.byteOffset - length, length);
}

/** What the client's messages have beside their declared type. */
interface Sized {
  size(): number;
}

/**
 * Keeps what a callback throws out of the client: its parse loop ends on an exception, and the whole connection with it. The error is raised on its own
 * instead, as an uncaught exception: a caller that throws where it must not has a bug that nobody may sleep through.
 */
export function guarded<A extends unknown[]>(callback: (...args: A) => void, raise = raiseAlone): (...args: A) => void {
  return (...args) => {
    try {
      callback(...args);
    } catch (error) {
      raise(error);
    }
  };
}

function raiseAlone(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Publishes a ready-made header block as it is. The client only ever calls `encode` on what it is given. */
export function publishRaw(
  connection: NatsConnection,
  subject: string,
  block: Uint8Array | undefined,
  body: Uint8Array,
  reply?: string,
): void {
  const options: PublishOptions = reply === undefined ? {} : { reply };
  if (block !== undefined) options.headers = { encode: () => block } as unknown as MsgHdrs;
  connection.publish(subject, body, options);
}

/** The part of the client that turns commands into writes. */
interface Flushing {
  flushPending(): void;
}

/**
 * Writes once per turn of the event loop. The client flushes by microtask, which under load is a system call for every message or two: a quarter of all CPU
 * (measured: node 150 → 100 µs a message on the MQTT → MQTT path). An idle connection waits no longer than the turn it is in. Without the client's inner
 * method, should a version rename it, everything works as before, only slower.
 */
export function writeOncePerTurn(connection: NatsConnection): void {
  const protocol = (connection as NatsConnection & { protocol?: Partial<Flushing> }).protocol;
  const flushPending = protocol?.flushPending;
  if (protocol === undefined || flushPending === undefined) return;
  let waiting = false;
  const flush = (): void => {
    waiting = false;
    flushPending.call(protocol);
  };
  protocol.flushPending = () => {
    if (waiting) return;
    waiting = true;
    setImmediate(flush);
  };
}
