import { makeBus } from './bus.ts';
import { connectionOptions } from './connect.ts';
import { openLink } from './link.ts';
import { migrateStreams } from './migrate.ts';
import { requireServerVersion, type StreamLimits } from './streams.ts';
import type { Bus, BusOptions } from './types.ts';

export { catchUp } from './config-follower.ts';
export { letterOf, unstored } from './dead-letter.ts';
export * from './types.ts';

/** Connects; keeps reconnecting for ever, with jitter. Rejects BusError `unavailable` when the first connection fails for 10 s. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  return makeBus(await openLink(options));
}

/** Makes or widens every declared stream and bucket, under a lock; the only place that does. Throws when the server is older than 2.12. */
export async function migrateBus(options: BusOptions, limits: StreamLimits): Promise<void> {
  const link = await openLink(options);
  try {
    requireServerVersion(link.connection.info?.version ?? '0');
    await migrateStreams(link.jsm, link.publisher, limits);
  } finally {
    await link.close();
  }
}

/** What Nest's own NATS transport connects with, for commands and queries: reconnects for ever, names itself, noDelay, its user's inbox prefix. */
export function nestConnectionOptions(options: BusOptions): ReturnType<typeof connectionOptions> {
  return connectionOptions(options);
}
