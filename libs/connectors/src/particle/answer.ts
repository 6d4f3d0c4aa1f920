import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import HTTPParser from 'bare-http-parser';
import HTTPParserError from 'bare-http-parser/errors';

const { RESPONSE, DATA, END } = HTTPParser.constants;

export interface Answer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** Ends with the answer, and closes the socket then. Fails, without `code`, where the answer is cut off or can't be read any further. */
  readonly body: Readable;
}

/** What came begins like no answer of HTTP/1.1, or its head is larger than 16 KB. Says nothing of what came. */
export class Garbled extends Error {}

/** Whoever reads it asks `errored`, or is told while it iterates; an `error` that nobody listens to would end the process. */
const heardElsewhere = (): void => undefined;

/**
 * The body of the one answer that a socket brings; emits `head` once, with an {@link Answer}, before anything can be read. Node's own parser costs 9 KB for as
 * long as an answer is open, and a stream is open for good: docs/adr/0009.
 */
export class Body extends Readable {
  readonly #parser = new HTTPParser();
  #begun = false;
  #ended = false;

  constructor(private readonly socket: Socket) {
    super();
    this.on('error', heardElsewhere);
    socket.on('data', (chunk) => this.#take(this.#parser.push(chunk)));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.#closed());
  }

  override _read(): void {
    this.socket.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.socket.destroy();
    callback(error);
  }

  #take(parts: Iterable<HTTPParser.Part>): void {
    try {
      for (const part of parts) {
        if (this.#ended || this.destroyed) return;
        this.#handOn(part);
      }
    } catch (error) {
      if (!(error instanceof HTTPParserError)) throw error;
      this.destroy(this.#begun ? new Error(error.code) : new Garbled(error.code));
    }
  }

  #handOn(part: HTTPParser.Part): void {
    if (part.type === RESPONSE) {
      // Others of 1xx say nothing, and are followed by the answer.
      this.#begun = part.code >= 200 || part.code === 101;
      if (this.#begun) this.emit('head', { statusCode: part.code, headers: part.headers, body: this } satisfies Answer);
    } else if (part.type === DATA) {
      if (!this.push(part.data)) this.socket.pause();
    } else if (part.type !== END) {
      this.destroy(new Garbled('a request'));
    } else if (this.#begun) {
      this.#ended = true;
      this.push(null);
      this.socket.destroy();
    }
  }

  #closed(): void {
    this.#take(this.#parser.end());
    if (!this.#ended) this.destroy(new Error('closed'));
  }
}
