import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/**
 * pass: bytes go through. stall: connections stay and new ones are accepted, but no byte goes either way (a black hole). refuse: new connections are
 * reset at once; those at hand go on. `delayMs` holds each chunk back.
 */
export type FaultMode = { kind: 'pass'; delayMs?: number } | { kind: 'stall' } | { kind: 'refuse' };

export interface FaultProxy {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Connections at hand. */
  readonly open: number;
  /** Bytes that came from clients and from the server. */
  readonly bytes: { readonly up: number; readonly down: number };
  mode(mode: FaultMode): void;
  /** Resets every connection at hand, as a link that breaks. */
  drop(): void;
  stop(): Promise<void>;
}

/** A TCP proxy on 127.0.0.1 before a real server, which breaks the link in the ways that networks do. */
export async function startFaultProxy(target: { port: number; host?: string }): Promise<FaultProxy> {
  let mode: FaultMode = { kind: 'pass' };
  let accepted = 0;
  const bytes = { up: 0, down: 0 };
  const pairs = new Set<{ client: Socket; server: Socket }>();
  const all = (): Socket[] => [...pairs].flatMap(({ client, server }) => [client, server]);

  const forward = (from: Socket, to: Socket, count: 'up' | 'down'): void => {
    from.on('data', (chunk) => {
      bytes[count] += chunk.length;
      const delayMs = mode.kind === 'pass' ? (mode.delayMs ?? 0) : 0;
      // Timers of equal length fire in the order they were set, so the order of bytes stays.
      if (delayMs > 0) setTimeout(() => to.write(chunk), delayMs);
      else if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => {
          if (mode.kind !== 'stall') from.resume();
        });
      }
    });
    from.once('end', () => to.end());
  };
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => {
    accepted++;
    client.on('error', () => client.destroy());
    if (mode.kind === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ host: target.host ?? '127.0.0.1', port: target.port, noDelay: true });
    const pair = { client, server: upstream };
    pairs.add(pair);
    upstream.on('error', () => upstream.destroy());
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.once('close', () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
    forward(client, upstream, 'up');
    forward(upstream, client, 'down');
    if (mode.kind === 'stall') upstream.pause();
    else client.resume();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    get open() {
      return pairs.size;
    },
    bytes,
    mode(next) {
      mode = next;
      for (const socket of all()) {
        if (mode.kind === 'stall') socket.pause();
        else socket.resume();
      }
    },
    drop() {
      for (const { client, server: upstream } of pairs) {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      }
    },
    async stop() {
      for (const socket of all()) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
