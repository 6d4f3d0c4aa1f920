import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { BusError, type BusOptions } from './types.ts';

const FIRST_CONNECTION_MS = 10_000;
const LONGEST_WAIT_MS = 5_000;

/** Each NATS user may subscribe below its own inbox prefix only: `_INBOX.<user>.>`. */
export const inboxPrefix = (options: BusOptions): string => (options.user === undefined ? '_INBOX' : `_INBOX.${options.user}`);

/** What every connection of ours is made with; Nest's own transport takes the same. */
export function connectionOptions(options: BusOptions): {
  servers: string[];
  user?: string;
  pass?: string;
  name: string;
  inboxPrefix: string;
  maxReconnectAttempts: number;
  reconnectDelayHandler: () => number;
  ignoreAuthErrorAbort: boolean;
  noAsyncTraces: boolean;
  pingInterval: number;
  maxPingOut: number;
  timeout: number;
} {
  return {
    servers: options.servers.split(',').map((server) => server.trim()),
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.password === undefined ? {} : { pass: options.password }),
    name: options.name,
    inboxPrefix: inboxPrefix(options),
    maxReconnectAttempts: -1,
    // The client does not say which attempt this is: a wide random wait spreads the replicas instead of growing.
    reconnectDelayHandler: () => 50 + Math.random() * 950,
    // A user that is refused now may be allowed again after the operator's next edit: keep trying.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 5_000,
  };
}

/** Connects, retrying for `withinMs` (10 s) with growing waits. The transport itself sets TCP_NODELAY. */
export async function openConnection(options: BusOptions, withinMs = FIRST_CONNECTION_MS): Promise<NatsConnection> {
  const deadline = performance.now() + withinMs;
  for (let wait = 100; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      return await connect(connectionOptions(options));
    } catch (error) {
      const pause = wait * (0.5 + Math.random() / 2);
      if (performance.now() + pause > deadline)
        throw new BusError('unavailable', `no NATS server answers at ${options.servers.replaceAll(/\/\/[^@/,]*@/g, '//')}`, {
          cause: error,
        });
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
