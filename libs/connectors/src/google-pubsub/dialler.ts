import type { Socket } from 'node:net';
import { type ConnectionContext, ConnectorError } from '#lib/connector-sdk';
import { tlsError } from '../tls.ts';

export type Dial = Pick<ConnectionContext, 'dial' | 'signal'>;

/**
 * Dials for one client, and knows before gRPC says anything when its link is gone. The client may move on to a new connection while the one before is still
 * open (Google asks for that by GOAWAY now and then); one that ends under it is the end.
 */
export class Dialler {
  /** Rejects once with why there is no connection any more; never resolves. */
  readonly failed: Promise<never>;
  #fail: (error: ConnectorError) => void = () => undefined;
  #error: ConnectorError | undefined;
  #current: Socket | undefined;
  readonly #open = new Set<Socket>();

  constructor(
    private readonly context: Dial,
    private readonly host: string,
    private readonly port: number,
  ) {
    this.failed = new Promise<never>((_, reject) => (this.#fail = reject));
    this.failed.catch(() => undefined); // it may fail while nobody waits
    context.signal.addEventListener('abort', this.#aborted, { once: true });
    if (context.signal.aborted) this.#aborted();
  }

  /** Why it ended; undefined while it lives. */
  get error(): ConnectorError | undefined {
    return this.#error;
  }

  readonly connect = async (secure: (socket: Socket) => Promise<Socket>): Promise<Socket> => {
    if (this.#error !== undefined) throw this.#error;
    let socket: Socket;
    try {
      socket = await this.context.dial(this.host, this.port);
    } catch (error) {
      throw this.end(dialError(error));
    }
    socket.on('error', () => undefined); // the close that follows says enough
    this.#open.add(socket);
    socket.once('close', () => this.#closed(socket));
    this.#current = socket;
    if (this.#isOver()) socket.destroy(); // it was given up while it was dialled: the race below says why
    try {
      return await Promise.race([secure(socket), this.failed]);
    } catch (error) {
      socket.destroy();
      throw this.end(error instanceof Error ? tlsError(error) : new ConnectorError('lost', 'Connection Lost'));
    }
  };

  /** Ends every connection for `error`, unless they ended already; why they did. */
  end(error: ConnectorError): ConnectorError {
    if (this.#error !== undefined) return this.#error;
    this.#error = error;
    this.context.signal.removeEventListener('abort', this.#aborted);
    for (const socket of this.#open) socket.destroy();
    this.#fail(error);
    return error;
  }

  #isOver(): boolean {
    return this.#error !== undefined;
  }

  #closed(socket: Socket): void {
    this.#open.delete(socket);
    if (socket === this.#current) this.end(new ConnectorError('lost', 'Connection Lost'));
  }

  readonly #aborted = (): void => void this.end(new ConnectorError('lost', 'The attempt to connect was given up.'));
}

function dialError(error: unknown): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  // The guard's own words name the host and what the operator allows; no secret is in them.
  if (code === 'egressForbidden') return new ConnectorError('misconfigured', message, { cause: error });
  const words = code.startsWith('egress') ? message : `No connection to Pub/Sub${code === '' ? '' : ` (${code})`}.`;
  return new ConnectorError('lost', words, { cause: error });
}
