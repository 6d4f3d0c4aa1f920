import type { IncomingMessage } from 'node:http';
import { createParser } from 'eventsource-parser';
import {
  type Connection,
  type ConnectionConfig,
  type ConnectionContext,
  ConnectorError,
  type SendMessage,
  type SendOutcome,
} from '#lib/connector-sdk';
import { Reader } from '../reader.ts';
import { isEventStream, streamRequest, wantedNames } from './addresses.ts';
import { FunctionCalls } from './calls.ts';
import type { ParticleConfig } from './config.ts';
import { messageOf } from './event.ts';
import { requestFailed, streamRefused } from './reasons.ts';
import { exchange } from './request.ts';

/** The longest event that is read, in characters. Beyond the bus' 8 MB it leaves a dead letter; the parser has no bound of its own. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024;
/** How long calls are waited for when the link is closed in order, ms. */
const DRAIN_MS = 4_000;

/** Opens the event stream. Rejects ConnectorError. */
export async function openSession(
  url: URL,
  { config, topics }: ConnectionConfig<ParticleConfig>,
  context: ConnectionContext,
): Promise<Connection> {
  const cloud = { url, accessToken: config.accessToken };
  const stream = await exchange(cloud, streamRequest(config, topics), context);
  if (!isEventStream(stream)) {
    stream.destroy();
    throw streamRefused(stream, Date.now());
  }
  context.proven('stream');
  return new Session(stream, topics, context, (lost) => new FunctionCalls(cloud, config, context, lost));
}

interface Waiter {
  resolve(): void;
  reject(error: ConnectorError): void;
}

/** One open event stream. The cloud gives no event twice: they are handed over as they come, and reading stops while the runtime takes no more. */
class Session implements Connection {
  readonly connectData: Record<string, unknown>;
  readonly #reader: Reader;
  readonly #wanted: (name: string) => boolean;
  readonly #calls: FunctionCalls;
  readonly #parser = createParser({
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: (event) => {
      if (this.#wanted(event.event ?? '')) this.#reader.push(messageOf(event));
    },
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded')
        this.#failed(new ConnectorError('lost', 'Particle sent an event larger than 16 MB, which is not read.'));
    },
  });
  #bytes: Waiter[] = [];
  #closing = false;
  #error: ConnectorError | undefined;

  constructor(
    private readonly stream: IncomingMessage,
    eventNames: readonly string[],
    private readonly context: ConnectionContext,
    calls: (unauthorized: () => void) => FunctionCalls,
  ) {
    this.connectData = { eventNames };
    this.#wanted = wantedNames(eventNames);
    this.#calls = calls(() =>
      this.#failed(new ConnectorError('unauthorized', 'Unauthorized. Particle no longer accepts accessToken (401).')),
    );
    stream.pause();
    // Characters may be split between chunks: the stream's own decoder puts them together.
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => this.#read(chunk));
    stream.on('error', (error) => this.#failed(requestFailed(error)));
    stream.once('end', () => this.#failed(new ConnectorError('lost', 'Connection Lost')));
    stream.once('close', () => this.#failed(new ConnectorError('lost', 'Connection Lost')));
    this.#reader = new Reader(context, stream);
  }

  #read(chunk: string): void {
    if (this.#closing || this.#error !== undefined) return;
    this.context.proven('sse');
    for (const waiter of this.#bytes.splice(0)) waiter.resolve();
    this.#parser.feed(chunk);
  }

  async send(message: SendMessage): Promise<SendOutcome> {
    if (this.#error !== undefined || this.#closing) throw new ConnectorError('lost', this.#error?.message ?? 'The connection is closed.');
    return await this.#calls.call(message);
  }

  /** The stream can't be asked: the cloud sends a byte at least every 12 s, so the next one is waited for. */
  async probe(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    await new Promise<void>((resolve, reject) => this.#bytes.push({ resolve, reject }));
  }

  async close({ drain }: { drain: boolean }): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#reader.close();
    if (drain && this.#error === undefined) await this.#called();
    this.#calls.end();
    this.stream.destroy();
  }

  async #called(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#calls.drain(), new Promise((resolve) => (timer = setTimeout(resolve, DRAIN_MS)))]);
    clearTimeout(timer);
  }

  #failed(error: ConnectorError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    for (const waiter of this.#bytes.splice(0)) waiter.reject(error);
    if (this.#closing) return;
    this.#reader.close();
    this.stream.destroy();
    this.context.lost(error);
  }
}
