import { type Connection, ConnectorError, type SendMessage, type SendOutcome, type Sender, type SenderContext } from '#lib/connector-sdk';
import type { CredentialState } from '#lib/contracts';
import { dial } from '#lib/egress';
import { within } from '../time/deadline.ts';
import type { Shared } from '../shared.ts';

/** What is under way gets this long before a connection is closed; and its provider this long to close it, ms. */
const DRAIN_MS = 5_000;
const CLOSE_MS = 3_000;

export interface GuestLineOwner {
  /** A message went through. */
  worked(): void;
  /** There is no connection, or the provider refuses who it is. */
  failed(error: Error): void;
  /** What became of a message is unknown: perhaps the connection is to blame. */
  doubtful(): void;
}

/** One sender of a {@link Guest}, from the first send to the last. */
export class GuestLine implements Pick<Connection, 'send'> {
  readonly context: SenderContext;
  sender: Sender | undefined;
  /** A message went through. */
  proven = false;
  readonly #shared: Shared;
  readonly #owner: GuestLineOwner;
  readonly #abort = new AbortController();
  #underWay = 0;
  #settled: (() => void) | undefined;

  constructor(
    shared: Shared,
    /** What it was made with; undefined: with what the send brought. */
    readonly credential: CredentialState | undefined,
    owner: GuestLineOwner,
  ) {
    this.#shared = shared;
    this.#owner = owner;
    const { signal } = this.#abort;
    this.context = {
      signal,
      dial: async (host, port) => await dial(shared.egress, host, port, { signal }),
      lost: (error) => owner.failed(error),
    };
  }

  async send(message: SendMessage): Promise<SendOutcome> {
    if (this.sender === undefined) throw new ConnectorError('lost', 'The connection is closed.');
    this.#underWay++;
    try {
      const outcome = await this.sender.send(message);
      if (outcome.verdict === 'unknown') this.#owner.doubtful();
      else if (outcome.verdict === 'succeeded') {
        this.proven = true;
        this.#owner.worked();
      }
      return outcome;
    } catch (error) {
      // Of the others, one is about this message only, and one asks to come again later.
      if (error instanceof ConnectorError && error.code !== 'refused' && error.code !== 'throttled') this.#owner.failed(error);
      throw error;
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#settled?.();
    }
  }

  /** What is under way has its outcome first. Never rejects. */
  async close(): Promise<void> {
    const { wheel, log } = this.#shared;
    if (this.#underWay > 0) await within(wheel, DRAIN_MS, new Promise<void>((resolve) => (this.#settled = resolve)), () => undefined);
    try {
      await within(wheel, CLOSE_MS, this.sender?.close() ?? Promise.resolve(), () => undefined);
    } catch (error) {
      log.warn({ err: error }, 'a connection did not close in order');
    }
    this.#abort.abort(new ConnectorError('lost', 'The connection is closed.'));
  }
}
