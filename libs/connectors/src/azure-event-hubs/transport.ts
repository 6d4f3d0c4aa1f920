import type { Socket } from 'node:net';
import { ConnectorError } from '#lib/connector-sdk';
import { Ending } from '../ending.ts';
import { type Dial, abortable, openSocket } from '../socket.ts';
import { type TlsSettings, secure, securedWords } from '../tls.ts';
import { EndedSessions } from './ended-sessions.ts';
import type { Target } from './target.ts';

type Handler = ((event?: unknown) => void) | null;

/**
 * The one connection of an Azure client: dialled by the context, with TLS spoken over it, and handed to the client where it would make a web socket (ADR 0014).
 * The bytes of AMQP go through as they are. It is made once: when it is gone, the client gets no other, and whoever listens knows at once.
 */
export class Transport extends Ending {
  /** What the client makes its connection with. */
  readonly webSocket: new () => AmqpSocket;
  #socket: Socket | undefined;
  #ready = false;

  constructor(target: Target, context: Dial, tls: TlsSettings = {}) {
    super();
    let dialled: Promise<Socket> | undefined;
    const open = (): Promise<Socket> => (dialled ??= this.#open(target, context, tls));
    this.webSocket = class extends AmqpSocket {
      constructor() {
        super(open());
      }
    };
    this.endOnAbort(context.signal);
  }

  /** It was up: something may have been sent. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Reads no more bytes until `resume`, heartbeats included. */
  pause(): void {
    this.#socket?.pause();
  }
  resume(): void {
    this.#socket?.resume();
  }

  protected release(): void {
    this.#socket?.destroy();
  }

  async #open(target: Target, context: Dial, tls: TlsSettings): Promise<Socket> {
    if (this.error !== undefined) throw this.error;
    try {
      const socket = await dialled(target, context, tls);
      this.#socket = socket;
      socket.on('error', () => undefined); // the close that follows says enough
      socket.once('close', () => this.end(new ConnectorError('lost', 'Connection Lost')));
      if (this.isOver()) socket.destroy();
      this.#ready = true;
      return socket;
    } catch (error) {
      this.end(error instanceof ConnectorError ? error : new ConnectorError('lost', 'Connection Lost', { cause: error }));
      throw error;
    }
  }
}

async function dialled(target: Target, context: Dial, tls: TlsSettings): Promise<Socket> {
  const socket = await openSocket({ host: target.host, port: target.port }, context);
  if (!target.secure) return socket;
  const secured = async (): Promise<Socket> =>
    await abortable(socket, context.signal, async () => await secure(socket, target.host, tls)).catch((error: unknown) => {
      throw handshakeFailed(error);
    });
  return context.step === undefined ? await secured() : await context.step('tls', securedWords(tls), secured);
}

/** The words of other types name fields that this one doesn't have. */
function handshakeFailed(cause: unknown): unknown {
  if (!(cause instanceof ConnectorError) || cause.code !== 'misconfigured') return cause;
  const code = (cause.details.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const words = `No TLS with the namespace's server (${code}): check the host and port, and that a known authority signed its certificate.`;
  return new ConnectorError('misconfigured', words, { cause });
}

/** As much of a web socket as the AMQP library uses. */
class AmqpSocket {
  onopen: Handler = null;
  onmessage: Handler = null;
  onclose: Handler = null;
  onerror: Handler = null;
  readonly url = 'amqp';
  /** Set, and it would copy each chunk. */
  readonly binaryType = '';
  readonly #sessions = new EndedSessions();
  #socket: Socket | undefined;

  constructor(dialled: Promise<Socket>) {
    dialled.then(
      (socket) => {
        this.#socket = socket;
        socket.on('data', (data: Buffer) => this.onmessage?.({ data }));
        socket.once('close', () => this.onclose?.());
        if (socket.destroyed) this.onclose?.();
        else this.onopen?.();
      },
      (error: unknown) => this.onerror?.(error),
    );
  }

  send(bytes: Uint8Array): void {
    if (this.#sessions.allows(bytes)) this.#socket?.write(bytes);
  }

  close(): void {
    this.#socket?.destroySoon();
  }
}
