import type { Bus, BusOptions } from './types.ts';

export * from './types.ts';

/** Connects; keeps reconnecting for ever, with jitter. Rejects BusError `unavailable` when the first connection fails for 10 s. */
export async function connectBus(_options: BusOptions): Promise<Bus> {
  throw new Error('in progress');
}

/** Makes or widens every declared stream and bucket, under a lock; the only place that does. */
export async function migrateBus(_options: BusOptions, _limits: { streamBytes: number; replicas: number }): Promise<void> {
  throw new Error('in progress');
}

/** What Nest's own NATS transport connects with, for commands and queries: reconnects for ever, names itself, noDelay. */
export function nestConnectionOptions(_options: BusOptions): {
  servers: string[];
  user?: string;
  pass?: string;
  name: string;
  maxReconnectAttempts: number;
} {
  throw new Error('in progress');
}
