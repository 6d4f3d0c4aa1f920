import type { Duplex } from 'node:stream';
import { ConnectorError } from '#lib/connector-sdk';
import { fault } from '#fault';
import { type Frame, FrameReader, MalformedPacket, PINGREQ_FRAME } from './frames.ts';
import { type ProtocolVersion, payloadStart } from './publish.ts';
import { streamError } from './transport.ts';

/** The longest packet that is held; the bus takes 8 MB. */
const MAX_PACKET_BYTES = 16 * 1024 * 1024;

export interface LinkListener {
  frame(frame: Frame): void;
  /** Called once: nothing is read or written after it. */
  ended(error: ConnectorError): void;
}

/** Packets over a byte stream: cuts what comes into frames, writes what goes once per turn of the event loop, keeps the link alive, ends once. */
export class PacketLink {
  #listener: LinkListener | undefined;
  readonly #reader: FrameReader;
  #out: Buffer[] = [];
  #written: (() => void)[] = [];
  #acknowledgements = 0;
  #paused = false;
  #reading = false;
  #error: ConnectorError | undefined;
  #lastWrite = 0;
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(
    private readonly stream: Duplex,
    version: ProtocolVersion,
  ) {
    this.#reader = new FrameReader(MAX_PACKET_BYTES, (flags, body) => payloadStart(flags, body, version));
    stream.on('error', (error: Error) => this.fail(streamError(error)));
    stream.once('end', () => this.fail(new ConnectorError('lost', 'Connection Lost')));
    stream.once('close', () => this.fail(new ConnectorError('lost', 'Connection Lost')));
  }

  /** Why it ended; undefined while it lives. */
  get error(): ConnectorError | undefined {
    return this.#error;
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
    this.stream.on('data', (chunk: Buffer) => {
      if (this.#error !== undefined) return;
      this.#reader.push(chunk);
      this.#read();
    });
  }

  /** Writes with everything else of this turn of the event loop; `written` is called when the operating system has it, never if the link ends before. */
  write(bytes: Buffer, written?: () => void): void {
    if (this.#error !== undefined) return;
    if (this.#out.push(bytes) === 1) setImmediate(this.#flush);
    if (written !== undefined) this.#written.push(written);
  }

  /** Writes the acknowledgement of a message that is stored. */
  acknowledge(bytes: Buffer): void {
    this.#acknowledgements++;
    this.write(bytes);
  }

  #flush = (): void => {
    if (this.#error !== undefined || this.#out.length === 0) return;
    const [bytes, written, acknowledgements] = [this.#out, this.#written, this.#acknowledgements];
    this.#out = [];
    this.#written = [];
    this.#acknowledgements = 0;
    this.#lastWrite = performance.now();
    this.stream.write(bytes.length === 1 ? (bytes[0] as Buffer) : Buffer.concat(bytes), (error) => {
      if (error === undefined || error === null) for (const call of written) call();
    });
    for (let index = 0; index < acknowledgements; index++) fault('connector.afterAck');
  };

  /** A packet goes out at least every `seconds`; 0: the broker wants none. Timers of equal length share one of the event loop's. */
  keepAlive(seconds: number): void {
    clearInterval(this.#keepAlive);
    if (seconds === 0) return;
    const half = seconds * 500;
    this.#keepAlive = setInterval(() => {
      if (performance.now() - this.#lastWrite >= half * 0.9) this.write(PINGREQ_FRAME);
    }, half);
    this.#keepAlive.unref();
  }

  /** Stops reading, in the middle of a chunk even; what is written, keep-alives too, still goes out. */
  pause(): void {
    this.#paused = true;
    this.stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#read();
    if (!this.#paused && this.#error === undefined) this.stream.resume();
  }

  #read(): void {
    if (this.#reading) return; // a listener resumed from within: the loop below goes on by itself
    this.#reading = true;
    try {
      while (!this.#paused && this.#error === undefined) {
        const frame = this.#reader.next();
        if (frame === undefined) break;
        this.#listener?.frame(frame);
      }
    } catch (error) {
      if (!(error instanceof MalformedPacket)) throw error;
      this.fail(new ConnectorError('lost', `The broker broke the protocol: ${error.message}.`, { cause: error }));
    } finally {
      this.#reading = false;
    }
  }

  /** Ends the link for `error` unless it ended already. */
  fail(error: ConnectorError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    clearInterval(this.#keepAlive);
    this.#out = [];
    this.#written = [];
    this.stream.destroy();
    this.#listener?.ended(error);
  }

  /** Writes what waits and `last`, then ends in order, within `graceMs`. */
  async end(last: Buffer, graceMs: number): Promise<void> {
    if (this.#error !== undefined) return;
    this.write(last);
    this.#flush();
    this.#error = new ConnectorError('lost', 'The connection was closed.');
    clearInterval(this.#keepAlive);
    this.#listener?.ended(this.#error);
    this.stream.resume(); // what still comes is read away, so that the end is seen
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.stream.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.stream.end();
    });
    this.stream.destroy();
  }
}
