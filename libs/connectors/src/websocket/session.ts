import { isUtf8 } from 'node:buffer';
import type { RawData, WebSocket } from 'ws';
import { type Connection, type ConnectionContext, ConnectorError, type SendMessage, type SendOutcome } from '#lib/connector-sdk';
import { Reader } from '../reader.ts';
import { type ResolvedConfig, upgradeOf } from './authentication.ts';
import { WebsocketSend } from './config.ts';
import { type Upgraded, handshake } from './handshake.ts';
import { closedBy, linkFailed } from './reasons.ts';
import { withinMs } from '../within.ts';

/** What may wait in this process for a slow server; more is refused as `throttled`. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
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
  readonly #reader: Reader;
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
    this.#reader = new Reader(context, ws);
    ws.on('message', (data, binary) => this.#reader.push({ body: bytesOf(data), attributes: binary ? { headers, binary } : { headers } }));
    ws.on('pong', () => this.#alive());
    ws.on('error', (error) => this.#failed(linkFailed(error)));
    ws.on('close', (code, said) => this.#failed(closedBy(code, said.toString(), this.secrets)));
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
    this.#reader.close();
    this.#closing = true;
    if (drain && this.#unsent > 0) await withinMs(DRAIN_MS, new Promise<void>((resolve) => (this.#sent = resolve)));
    await new Promise<void>((resolve) => {
      if (this.#ws.readyState === this.#ws.CLOSED) return resolve();
      this.#ws.once('close', () => resolve());
      this.#ws.close(CLOSED_NORMALLY);
      this.#ws.resume(); // read away, so that the server's own close frame is seen
      if (!drain) this.#ws.terminate();
    });
  }

  #failed(error: ConnectorError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    for (const ping of this.#pings.splice(0)) ping.reject(error);
    if (this.#closing) return;
    this.#reader.close();
    this.#ws.terminate();
    this.context.lost(error);
  }
}

const bytesOf = (data: RawData): Buffer => (Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]));
