import { isUtf8 } from 'node:buffer';
import type { RawData, WebSocket } from 'ws';
import {
  type Connection,
  type ConnectionContext,
  ConnectorError,
  type ReceivedMessage,
  type SendMessage,
  type SendOutcome,
} from '#lib/connector-sdk';
import { type ResolvedConfig, upgradeOf } from './authentication.ts';
import { WebsocketSend } from './config.ts';
import { type Upgraded, handshake } from './handshake.ts';
import { closedBy, linkFailed } from './reasons.ts';

/** What may wait in this process for a slow server; more is refused as `throttled`. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
/** Of what was read but not handed over when the link ended, this much is still handed over: the runtime holds 1,024 at the most. */
const MAX_LATE = 512;
/** How long sends are waited for when the link is closed in order, ms. */
const DRAIN_MS = 4_000;
const CLOSED_NORMALLY = 1000;

/** Connects, authenticates and upgrades. Rejects ConnectorError. */
export async function openSession(config: ResolvedConfig, context: ConnectionContext): Promise<Connection> {
  const upgrade = upgradeOf(config);
  const session = new Session(await handshake(upgrade, context), upgrade.secrets, context);
  context.proven('upgrade');
  return session;
}

interface Waiter {
  resolve(): void;
  reject(error: ConnectorError): void;
}

/** One open websocket. The server gives nothing twice: what it sends is handed over as it comes, and reading stops while the runtime takes no more. */
class Session implements Connection {
  readonly connectData: Record<string, unknown>;
  readonly #ws: WebSocket;
  /** Came after the runtime took no more, in what was already read: 64 KB of frames at the most, and the one they complete. */
  #parked: ReceivedMessage[] = [];
  #pings: Waiter[] = [];
  #unsent = 0;
  #sent: (() => void) | undefined;
  #closing = false;
  #error: ConnectorError | undefined;

  constructor(
    { ws, headers }: Upgraded,
    private readonly secrets: readonly string[],
    private readonly context: ConnectionContext,
  ) {
    this.#ws = ws;
    this.connectData = { headers };
    ws.on('message', (data, binary) => this.#message({ body: bytesOf(data), attributes: binary ? { headers, binary } : { headers } }));
    ws.on('pong', () => this.#alive());
    ws.on('error', (error) => this.#failed(linkFailed(error)));
    ws.once('close', (code, said) => this.#failed(closedBy(code, said.toString(), this.secrets)));
    context.onFlow((held) => (held ? ws.pause() : this.#goOn()));
    // After the runtime heard that we are connected, so that `connect` comes before the first message.
    setImmediate(() => this.#goOn());
  }

  #message(message: ReceivedMessage): void {
    if (this.#closing || this.#error !== undefined) return;
    if (this.context.held || this.#parked.length > 0) this.#parked.push(message);
    else this.#receive(message);
  }

  #receive(message: ReceivedMessage): void {
    // Nothing is acknowledged here: what can't be stored is the runtime's to record.
    this.context.receive(message).catch(() => undefined);
  }

  #goOn(): void {
    while (!this.context.held) {
      const message = this.#parked.shift();
      if (message === undefined) return this.#ws.resume();
      this.#receive(message);
    }
  }

  #alive(): void {
    this.context.proven('pong');
    for (const ping of this.#pings.splice(0)) ping.resolve();
  }

  async send({ payload, options }: SendMessage): Promise<SendOutcome> {
    const { binary = !isUtf8(payload) } = WebsocketSend.parse(options);
    if (this.#error !== undefined || this.#closing || this.#ws.readyState !== this.#ws.OPEN)
      throw new ConnectorError('lost', this.#error?.message ?? 'The connection is closed.');
    if (this.#ws.bufferedAmount > MAX_UNSENT_BYTES) throw new ConnectorError('throttled', 'The server is slow: 16 MB wait for it already.');
    this.#unsent++;
    return await new Promise<SendOutcome>((resolve) =>
      this.#ws.send(payload, { binary }, (error) => {
        this.#unsent--;
        if (this.#unsent === 0) this.#sent?.();
        // Part of it may have been written.
        const message = 'The link ended while the message was being written.';
        resolve(error ? { verdict: 'unknown', error: { type: 'lost', message } } : { verdict: 'succeeded' });
      }),
    );
  }

  async probe(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    await new Promise<void>((resolve, reject) => {
      this.#pings.push({ resolve, reject });
      if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping();
    });
  }

  async close({ drain }: { drain: boolean }): Promise<void> {
    if (this.#closing || this.#error !== undefined) return;
    this.#handOver();
    this.#closing = true;
    if (drain && this.#unsent > 0) await this.#written();
    await new Promise<void>((resolve) => {
      if (this.#ws.readyState === this.#ws.CLOSED) return resolve();
      this.#ws.once('close', () => resolve());
      this.#ws.close(CLOSED_NORMALLY);
      this.#ws.resume(); // read away, so that the server's own close frame is seen
      if (!drain) this.#ws.terminate();
    });
  }

  /** Resolves once nothing waits to be written, or the server took too long. */
  async #written(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, DRAIN_MS);
      this.#sent = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** What was read is not thrown away, even if the runtime wants no more. */
  #handOver(): void {
    for (const message of this.#parked.splice(0).slice(0, MAX_LATE)) this.#receive(message);
  }

  #failed(error: ConnectorError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    for (const ping of this.#pings.splice(0)) ping.reject(error);
    if (this.#closing) return;
    this.#handOver();
    this.#ws.terminate();
    this.context.lost(error);
  }
}

const bytesOf = (data: RawData): Buffer => (Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]));
