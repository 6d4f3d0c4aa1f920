import type { NatsConnection } from '@nats-io/nats-core';
import { openConnection } from './connect.ts';
import type { BusOptions } from './types.ts';
import { guarded, writeOncePerTurn } from './wire.ts';

/** A connection as one of its users has it. */
export interface Joined {
  readonly connection: NatsConnection;
  /** When it was joined. */
  readonly connected: boolean;
  /** Told when it is lost and when it is back, until `leave`. */
  onStatus(listener: (connected: boolean) => void): void;
  /** The last one to leave closes it. */
  leave(): Promise<void>;
}

/** A connection, and who uses it. */
class Line {
  readonly opening: Promise<NatsConnection>;
  readonly listeners = new Set<(connected: boolean) => void>();
  users = 0;
  connected = true;
  #following: Promise<void> | undefined;

  constructor(options: BusOptions) {
    this.opening = openConnection(options).then((connection) => {
      writeOncePerTurn(connection);
      this.#following = this.#follow(connection);
      return connection;
    });
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type !== 'disconnect' && type !== 'reconnect') continue;
      this.connected = type === 'reconnect';
      for (const listener of this.listeners) guarded(listener)(this.connected);
    }
  }

  async close(): Promise<void> {
    await (await this.opening).close();
    await this.#following;
  }
}

/** Lines that may be shared, by servers and user. */
const lines = new Map<string, Line>();

/**
 * A connection of its own, or with `shared` the one that this process has to those servers as that user. Each message wakes both ends once for every connection it
 * takes: where the services of a message's path are one process, one connection saves them most of that. Rejects as {@link openConnection} does.
 */
export async function joinConnection(options: BusOptions): Promise<Joined> {
  const key = `${options.user ?? ''} ${options.servers}`;
  const known = options.shared === true ? lines.get(key) : undefined;
  const line = known ?? new Line(options);
  if (options.shared === true) lines.set(key, line);
  const forget = (): void => {
    if (lines.get(key) === line) lines.delete(key);
  };
  line.users++;
  const connection = await line.opening.catch((error: unknown) => {
    forget(); // whoever comes next tries anew
    throw error;
  });
  const mine: ((connected: boolean) => void)[] = [];
  return {
    connection,
    connected: line.connected,
    onStatus: (listener) => {
      mine.push(listener);
      line.listeners.add(listener);
    },
    leave: async () => {
      for (const listener of mine) line.listeners.delete(listener);
      if (--line.users > 0) return;
      forget();
      await line.close();
    },
  };
}
