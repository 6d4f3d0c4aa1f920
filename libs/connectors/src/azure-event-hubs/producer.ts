import type { EventHubProducerClient } from '@azure/event-hubs';
import type { SendMessage, SendOutcome } from '#lib/connector-sdk';
import type { Dial } from '../socket.ts';
import type { TlsSettings } from '../tls.ts';
import { type Client, openProducer } from './client.ts';
import type { AzureEventHubSend } from './config.ts';
import { codeOf, reasonOf } from './reasons.ts';
import type { Target } from './target.ts';

/** Publishes to the hub over a connection of its own, so that events which are held back never stand before a send. It is made at the first send. */
export class Producer {
  #live: Client<EventHubProducerClient> | undefined;

  constructor(
    private readonly target: Target,
    private readonly context: Dial,
    private readonly tls: TlsSettings | undefined,
  ) {}

  /** Sends one event, once. Rejects ConnectorError when nothing was sent: there is no connection, or Event Hubs asks for less. */
  async send({ payload, options }: SendMessage): Promise<SendOutcome> {
    const { partitionKey, properties } = options as AzureEventHubSend;
    const { client, transport } = this.#connected();
    const event = {
      body: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
      ...(properties === undefined ? {} : { properties }),
    };
    try {
      // The client itself notices a lost link only when its time is over.
      await transport.orEnd(client.sendBatch([event], partitionKey === undefined ? {} : { partitionKey }));
      return { verdict: 'succeeded' };
    } catch (error) {
      const reason = reasonOf(error, { target: this.target, doing: 'send to the hub' });
      if (reason.code === 'throttled' || !transport.ready) throw reason;
      // Whether it came through before the link or the answer was lost can't be known.
      if (reason.code === 'lost' && !REFUSALS.has(codeOf(error)))
        return { verdict: 'unknown', error: { type: 'lost', message: reason.message } };
      return { verdict: 'failed', error: refused(error, reason.message) };
    }
  }

  #connected(): Client<EventHubProducerClient> {
    if (this.#live === undefined) {
      const live = openProducer(this.target, this.context, this.tls);
      this.#live = live;
      live.transport.onEnd(() => {
        if (this.#live !== live) return;
        this.#live = undefined;
        void live.close();
      });
    }
    return this.#live;
  }

  async close(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    await live?.close();
  }
}

/** What Event Hubs says of one event. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['MessageTooLargeError', 'the event is larger than the hub takes: 1 MB, in the basic tier 256 KB'],
  ['InvalidFieldError', 'the event has a field that the hub does not take'],
  ['NotImplementedError', 'the hub does not take events like this one'],
  ['DecodeError', 'the hub could not read the event'],
  ['PreconditionFailedError', 'the hub does not take the event as it stands now'],
]);

const refused = (error: unknown, message: string): { type: string; message: string } => {
  const code = codeOf(error);
  return { type: code === '' ? 'refused' : code, message: REFUSALS.get(code) ?? message };
};
