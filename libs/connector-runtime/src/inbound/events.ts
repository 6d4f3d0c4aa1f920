import type { InboundEvent } from '#lib/contracts';
import type { Entry } from './entry.ts';
import type { Identity } from '../identity.ts';
import type { Shared } from '../shared.ts';

/** Makes the events of one integration, and gives them their ids and their order. */
export class Events {
  readonly #shared: Shared;
  readonly #identity: Identity;
  readonly #token: number;
  readonly #incarnation: () => string;
  #counter = 0;

  /** `token` is that of the holder, `incarnation` tells one source behind an integration from the next. */
  constructor(shared: Shared, identity: Identity, token: number, incarnation: () => string) {
    this.#shared = shared;
    this.#identity = identity;
    this.#token = token;
    this.#incarnation = incarnation;
  }

  /** Its Nats-Msg-Id and its place in the order. */
  name(entry: Entry): void {
    const { integrationId } = this.#identity;
    const providerId = entry.message?.providerId;
    entry.order = ++this.#counter;
    entry.messageId =
      providerId === undefined ? `${integrationId}:${this.#token}:${entry.order}` : `${integrationId}:${this.#incarnation()}:${providerId}`;
  }

  /** Made and named at the first try, and the same for every repeat. */
  of(entry: Entry): InboundEvent {
    return (entry.event ??= this.#make(entry));
  }

  #make(entry: Entry): InboundEvent {
    const { integrationId, applicationId } = this.#identity;
    const { message } = entry;
    this.name(entry);
    const event: InboundEvent = {
      type: entry.kind,
      id: entry.messageId,
      applicationId,
      sourceId: integrationId,
      sourceType: this.#shared.type,
      time: new Date(message === undefined ? entry.at : this.#shared.clock.epoch()).toISOString(),
      configSequence: this.#shared.configSequence(),
      attributes: entry.attributes,
      body: entry.body,
    };
    if (message?.redelivered === true) event.redelivered = true;
    return event;
  }
}
