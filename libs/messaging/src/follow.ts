import type { LiveKind } from '#lib/contracts';
import { type Headers, parseHeaders } from './codec/headers.ts';
import { ConfigApplier, configFollower } from './config-follower.ts';
import type { Link } from './link.ts';
import { asBusError } from './management.ts';
import type { Delivery } from './ordered-consumer.ts';
import { describeStream, listMessages } from './stored.ts';
import type { ConfigChange, ConfigFollower } from './types.ts';

const LOOK_MS = 2_000;

/**
 * Reads a stream from its start and goes on; resolves once everything that was stored at the start was delivered. A message that is replaced or expires
 * while we read never comes, so the end is reached when the last expected sequence, or a later one, came, or when nothing is left.
 */
async function followFromStart(
  link: Link,
  stream: string,
  filter: string,
  onDelivery: (delivery: Delivery) => void,
): Promise<{ end: number; stop: () => Promise<void> }> {
  const { end } = await describeStream(link, stream);
  let atEnd: () => void = () => undefined;
  const caughtUp = new Promise<void>((resolve) => (atEnd = resolve));
  try {
    const { pending, consumer, stop } = await link.consume({
      stream,
      filters: [filter],
      after: 0,
      onDelivery: (delivery) => {
        onDelivery(delivery);
        if (delivery.sequence >= end || delivery.pending === 0) atEnd();
      },
    });
    if (pending === 0) atEnd();
    const look = setInterval(() => {
      // What was left may have expired before it was sent.
      void listMessages(link, stream, filter, { after: consumer.cursor, max: 1 }).then(
        (left) => left.length === 0 && atEnd(),
        () => undefined, // the bus is away: the next look tells
      );
    }, LOOK_MS);
    await caughtUp.finally(() => clearInterval(look));
    return { end, stop };
  } catch (error) {
    throw asBusError(error, `follow ${stream}`);
  }
}

export async function followConfig(
  link: Link,
  kinds: readonly LiveKind[],
  onChange: (change: ConfigChange) => void,
  onPoison?: (subject: string, reason: string) => void,
): Promise<ConfigFollower> {
  const applier = new ConfigApplier(kinds, onChange, onPoison);
  const { end, stop } = await followFromStart(link, 'CONFIG', 'config.>', (delivery) => applier.apply(delivery));
  applier.advance(end);
  return configFollower(applier, stop);
}

/** For key-value buckets: see `FollowStream` there. */
export async function followStream(
  link: Link,
  stream: string,
  filter: string,
  onMessage: (subject: string, headers: Headers, body: Uint8Array, sequence: number) => void,
): Promise<{ stop: () => Promise<void> }> {
  const { stop } = await followFromStart(link, stream, filter, ({ subject, block, body, sequence }) =>
    onMessage(subject, parseHeaders(block), body, sequence),
  );
  return { stop };
}
