import type { EventHubConsumerClient, EventHubProperties } from '@azure/event-hubs';
import { ConnectorError } from '#lib/connector-sdk';
import { Ending } from '../ending.ts';
import type { Dial } from '../socket.ts';
import type { TlsSettings } from '../tls.ts';
import { SharedConnection, type User } from './shared-connection.ts';
import type { SharedConnections } from './shared-connections.ts';
import type { Target } from './target.ts';

/** What an integration reads with. It ends with its connection, which it shares until it is held back (ADR 0026). */
export class Consumer extends Ending implements User {
  readonly context: Dial;
  /** Each time that anybody on the connection was told of the hub. */
  onHub: ((hub: EventHubProperties) => void) | undefined;
  readonly #target: Target;
  readonly #tls: TlsSettings | undefined;
  #connection: SharedConnection;
  #client: EventHubConsumerClient;
  #forget: () => void;
  #inOrder = false;
  #left: Promise<void> | undefined;

  constructor(applicationId: string, target: Target, context: Dial, tls: TlsSettings | undefined, connections: SharedConnections) {
    super();
    this.context = context;
    this.#target = target;
    this.#tls = tls;
    this.#connection = connections.offered(applicationId, target, (onRetired) => new SharedConnection(target, tls, onRetired));
    this.#client = this.#connection.join(this, target);
    this.#forget = this.#connection.transport.onEnd((error) => this.end(error));
    this.endOnAbort(context.signal);
  }

  /** Another one after `move`. */
  get client(): EventHubConsumerClient {
    return this.#client;
  }

  /** Asks for the hub, or is told what another was. Rejects with what the client says, or why the connection ended. */
  async hub(): Promise<EventHubProperties> {
    return await this.orEnd(this.#connection.hub());
  }
  told(hub: EventHubProperties): void {
    this.onHub?.(hub);
  }

  /** Reads no more bytes, heartbeats included, until `resume`, and nobody joins the connection any more. False where others use it: see `move`. */
  pause(): boolean {
    if (!this.#connection.single) return false;
    this.#connection.retire();
    this.#connection.transport.pause();
    return true;
  }
  resume(): void {
    this.#connection.transport.resume();
  }

  /** To a connection of its own, dialled by the first call. Stop what reads over the former one before: the others keep it. */
  move(): void {
    this.#forget();
    void this.#connection.leave(this, { inOrder: true });
    this.#connection = new SharedConnection(this.#target, this.#tls, () => undefined);
    this.#client = this.#connection.join(this, this.#target);
    this.#forget = this.#connection.transport.onEnd((error) => this.end(error));
  }

  /** Closes the connection where it is the last one to use it, in order while that lives and answers. Stop what reads over it before. Never rejects. */
  async close(): Promise<void> {
    this.#inOrder = true;
    this.end(new ConnectorError('lost', 'The connection is closed.'));
    await this.#left;
  }

  /** What doesn't end in order may be the connection's fault: nobody joins it any more, so that the next attempt dials. */
  protected release(): void {
    this.#forget();
    if (!this.#inOrder) this.#connection.retire();
    this.#left = this.#connection.leave(this, { inOrder: this.#inOrder });
  }
}
