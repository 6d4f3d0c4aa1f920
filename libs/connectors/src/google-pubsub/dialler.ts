import type { Socket } from 'node:net';
import { ConnectorError } from '#lib/connector-sdk';
import { Ending } from '../ending.ts';
import type { Dial } from '../socket.ts';
import { securedWords, tlsError } from '../tls.ts';

export interface DialTarget extends Pick<Dial, 'dial' | 'step'> {
  readonly host: string;
  readonly port: number;
}

/**
 * Dials for one channel, and knows before gRPC says anything when its link is gone. A connection that breaks is the end. One that ends in order is not (Google
 * asks for a new one by GOAWAY now and then, and the library moves on by itself), unless the next one can't be made.
 */
export class Dialler extends Ending {
  #current: Socket | undefined;
  readonly #open = new Set<Socket>();
  readonly #ready = new WeakSet<Socket>();
  #wasReady = false;

  constructor(private readonly to: DialTarget) {
    super();
  }

  /** It was connected: something may have been sent. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  readonly connect = async (secure: (socket: Socket) => Promise<Socket>): Promise<Socket> => {
    if (this.error !== undefined) throw this.error;
    const { host, port, dial, step } = this.to;
    let socket: Socket;
    try {
      socket = await dial(host, port);
    } catch (error) {
      throw this.end(dialError(error));
    }
    socket.on('error', () => undefined); // the close that follows says enough
    this.#open.add(socket);
    socket.once('close', (broken) => this.#closed(socket, broken));
    this.#current = socket;
    if (this.isOver()) socket.destroy(); // it was given up while it was dialled: what follows says why
    try {
      const secured = async (): Promise<Socket> => await this.orEnd(secure(socket));
      const ready = step !== undefined ? await step('tls', securedWords({}), secured) : await secured();
      this.#ready.add(socket);
      this.#wasReady = true;
      return ready;
    } catch (error) {
      socket.destroy();
      throw this.end(error instanceof Error ? tlsError(error) : new ConnectorError('lost', 'Connection Lost'));
    }
  };

  protected release(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #closed(socket: Socket, broken: boolean): void {
    this.#open.delete(socket);
    if (socket === this.#current && (broken || !this.#ready.has(socket))) this.end(new ConnectorError('lost', 'Connection Lost'));
  }
}

function dialError(error: unknown): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  // The guard's own words name the host and what the operator allows; no secret is in them.
  if (code === 'egressForbidden') return new ConnectorError('misconfigured', message, { cause: error });
  const words = code.startsWith('egress') ? message : `No connection to Pub/Sub${code === '' ? '' : ` (${code})`}.`;
  return new ConnectorError('lost', words, { cause: error });
}
