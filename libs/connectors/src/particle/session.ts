import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
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
import { type Cloud, exchange } from './request.ts';

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
  const answer = await exchange(cloud, streamRequest(config, topics), context);
  if (!isEventStream(answer)) {
    answer.body.destroy();
    throw streamRefused(answer, Date.now());
  }
  context.proven('stream');
  return new Session(answer.body, cloud, config, topics, context);
}

interface Waiter {
  resolve(): void;
  reject(error: ConnectorError): void;
}

/**
 * One open event stream. The cloud gives no event twice: they are handed over as they come, and reading stops while the runtime takes no more. Most are idle, so
 * what events and calls need is made for the first of them.
 */
class Session implements Connection {
  readonly #reader: Reader;
  #wanted: ((name: string) => boolean) | undefined;
  #calls: FunctionCalls | undefined;
  readonly #parser = createParser({
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: (event) => {
      this.#wanted ??= wantedNames(this.eventNames);
      if (this.#wanted(event.event ?? '')) this.#reader.push(messageOf(event));
    },
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded')
        this.#failed(new ConnectorError('lost', 'Particle sent an event larger than 16 MB, which is not read.'));
    },
  });
  /** Made once a chunk ends within a character. */
  #decoder: StringDecoder | undefined;
  #bytes: Waiter[] = [];
  #closing = false;
  #error: ConnectorError | undefined;

  constructor(
    private readonly stream: Readable,
    private readonly cloud: Cloud,
    private readonly config: ParticleConfig,
    private readonly eventNames: readonly string[],
    private readonly context: ConnectionContext,
  ) {
    stream.pause();
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('close', () => this.#failed(requestFailed(stream.errored ?? new Error('ended'))));
    this.#reader = new Reader(context, stream);
  }

  get connectData(): Record<string, unknown> {
    return { eventNames: this.eventNames };
  }

  #read(chunk: Buffer): void {
    if (this.#closing || this.#error !== undefined) return;
    this.context.proven('sse');
    for (const waiter of this.#bytes.splice(0)) waiter.resolve();
    this.#parser.feed(this.#textOf(chunk));
  }

  #textOf(chunk: Buffer): string {
    if (this.#decoder === undefined && (chunk.at(-1) ?? 0) < 0x80) return chunk.toString('utf8');
    return (this.#decoder ??= new StringDecoder('utf8')).write(chunk);
  }

  async send(message: SendMessage): Promise<SendOutcome> {
    if (this.#error !== undefined || this.#closing) throw new ConnectorError('lost', this.#error?.message ?? 'The connection is closed.');
    this.#calls ??= new FunctionCalls(this.cloud, this.config, this.context, () =>
      this.#failed(new ConnectorError('unauthorized', 'Unauthorized. Particle no longer accepts accessToken (401).')),
    );
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
    if (drain && this.#error === undefined) await this.#calls?.drain(DRAIN_MS);
    this.#calls?.end();
    this.stream.destroy();
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
