import { type AddressInfo, type Socket, createServer } from 'node:net';
import { ChannelCredentials } from '@grpc/grpc-js';

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;

let doorstep: Promise<number> | undefined;

/**
 * A port of this process on 127.0.0.1 that takes a connection and ends it: the only place that grpc-js itself ever connects to. It carries no byte;
 * {@link DialledCredentials} puts a dialled socket in its place (ADR 0011).
 */
export function doorstepPort(): Promise<number> {
  doorstep ??= new Promise<number>((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.destroy();
    });
    server.once('error', (error) => {
      doorstep = undefined;
      reject(error);
    });
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    server.unref();
  });
  return doorstep;
}

/** How a channel gets its socket: from `connect`, in place of the one that grpc-js made. */
export class DialledCredentials extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #connect: (secure: (socket: Socket) => Promise<Socket>) => Promise<Socket>;

  /** `inner` speaks TLS over the socket, or nothing. `connect` dials, and calls `secure` on what it dialled. */
  constructor(inner: ChannelCredentials, connect: (secure: (socket: Socket) => Promise<Socket>) => Promise<Socket>) {
    super();
    this.#inner = inner;
    this.#connect = connect;
  }

  _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  /** Never another's: who shares a connection is decided before (ADR 0025), not by grpc-js. */
  _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  _createSecureConnector(...settings: Parameters<ChannelCredentials['_createSecureConnector']>): SecureConnector {
    const inner = this.#inner._createSecureConnector(...settings);
    return {
      connect: async (placeholder) => {
        placeholder.on('error', () => undefined);
        placeholder.destroy();
        const socket = await this.#connect(async (dialled) => (await inner.connect(dialled)).socket);
        return { socket, secure: this.#inner._isSecure() };
      },
      waitForReady: () => inner.waitForReady(),
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
    };
  }
}
