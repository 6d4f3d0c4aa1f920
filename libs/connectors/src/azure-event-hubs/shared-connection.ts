import type { Socket } from 'node:net';
import type { EventHubConsumerClient, EventHubProperties } from '@azure/event-hubs';
import { ConnectorError } from '#lib/connector-sdk';
import { type Dial, dialThroughAny } from '../socket.ts';
import type { TlsSettings } from '../tls.ts';
import { type Client, openConsumer, overConnectionOf } from './client.ts';
import type { Target } from './target.ts';
import type { Transport } from './transport.ts';

/** As many consumer groups as a hub of the standard tier has; by then the connection itself costs little beside their links. */
const MAX_USERS = 20;

/** Who reads over a connection. */
export interface User {
  readonly context: Dial;
  /** What any of them was told of the hub: the connection lives, and the key is good. */
  told(hub: EventHubProperties): void;
}

/** One connection to a hub, for several integrations that read it as the same: each has links of its own over it (ADR 0026). It lives as long as it has users. */
export class SharedConnection {
  readonly #users = new Set<User>();
  /** The client whose connection it is. It reads nothing itself. */
  readonly #owner: Client<EventHubConsumerClient>;
  readonly #onRetired: () => void;
  #asked: Promise<EventHubProperties> | undefined;

  /** Dialled by the first call of a client over it. `onRetired`: from now on nobody may join; called once or more. */
  constructor(target: Target, tls: TlsSettings | undefined, onRetired: () => void) {
    // By any user that has not gone meanwhile: the attempt of one may be given up while others wait for the connection.
    const dial = (host: string, port: number): Promise<Socket> => dialThroughAny(this.#contexts(), host, port);
    this.#owner = openConsumer(target, { dial, signal: new AbortController().signal }, tls);
    this.#onRetired = onRetired;
    this.transport.onEnd(onRetired);
  }

  *#contexts(): Iterable<Dial> {
    for (const { context } of this.#users) yield context;
  }

  get transport(): Transport {
    return this.#owner.transport;
  }

  /** Whether it has one user only, which so may do with it what it likes. */
  get single(): boolean {
    return this.#users.size === 1;
  }

  /** A client for one more user. */
  join(user: User, target: Target): EventHubConsumerClient {
    this.#users.add(user);
    if (this.#users.size === MAX_USERS) this.retire();
    return overConnectionOf(this.#owner.client, target);
  }

  /** Asks for the hub, once for all who ask meanwhile, and tells every user. Rejects with what the client says. */
  async hub(): Promise<EventHubProperties> {
    return await (this.#asked ??= this.#ask().finally(() => (this.#asked = undefined)));
  }

  async #ask(): Promise<EventHubProperties> {
    const hub = await this.#owner.client.getEventHubProperties();
    for (const user of this.#users) user.told(hub);
    return hub;
  }

  /** Nobody joins any more. */
  retire(): void {
    this.#onRetired();
  }

  /** The last one closes it: in order, or at once. Never rejects. */
  async leave(user: User, { inOrder }: { inOrder: boolean }): Promise<void> {
    if (!this.#users.delete(user) || this.#users.size > 0) return;
    this.retire();
    if (!inOrder) this.transport.end(new ConnectorError('lost', 'The connection is closed.'));
    await this.#owner.close();
  }
}
