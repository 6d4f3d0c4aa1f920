import type { Connection } from '#lib/connector-sdk';
import type { SendReply, SendRequest } from '#lib/contracts';
import { drainQueue } from './drain.ts';
import type { Identity } from '../identity.ts';
import { Outputs } from './outputs.ts';
import type { Shared } from '../shared.ts';

/** How often what expired is thrown out while nothing can be sent. */
const EXPIRE_MS = 60_000;

/** All that goes out of one integration: direct sends, and before them what was queued while it was disconnected. Costs next to nothing until it is used. */
export class Outgoing {
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #connection: () => Connection | undefined;
  #outputs: Outputs | undefined;
  /** Something may be in OUTBOUND. */
  #queued = false;
  #draining = false;
  #expiredAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(shared: Shared, of: Identity, connection: () => Connection | undefined) {
    this.#shared = shared;
    this.#of = of;
    this.#connection = connection;
  }

  /** Never rejects. */
  send(request: SendRequest): Promise<SendReply> {
    return this.#out().send(request);
  }

  /** Something is queued: sent now when it is connected, else once it is. */
  queued(): void {
    this.#queued = true;
    void this.#drain();
  }

  connected(): void {
    void this.#drain();
  }

  /** Every few seconds: goes on with a drain that was interrupted, and throws out what expired. */
  sweep(): void {
    if (!this.#queued) return;
    if (this.#connection() !== undefined) {
      void this.#drain();
      return;
    }
    const now = this.#shared.clock.monotonic();
    if (now - this.#expiredAt < EXPIRE_MS) return;
    this.#expiredAt = now;
    void this.#expire();
  }

  stop(): void {
    this.#stopped = true;
    this.#outputs?.stop();
  }

  async #drain(): Promise<void> {
    const connection = this.#connection();
    if (!this.#queued || this.#draining || connection === undefined) return;
    const outputs = this.#out();
    const drained = this.#run(
      (request) => outputs.sendQueued(request),
      () => this.#stopped || this.#connection() !== connection,
    );
    outputs.behind(drained);
    await drained;
  }

  async #expire(): Promise<void> {
    if (this.#draining) return;
    await this.#run(undefined, () => this.#stopped);
    // Perhaps it connected meanwhile.
    await this.#drain();
  }

  async #run(send: ((request: SendRequest) => Promise<SendReply>) | undefined, stopped: () => boolean): Promise<void> {
    this.#draining = true;
    this.#queued = false;
    try {
      if ((await drainQueue(this.#shared, this.#of, send, stopped)) === 'interrupted') this.#queued = true;
    } catch (error) {
      this.#queued = true;
      this.#shared.log.warn({ err: error, integration: this.#of.integrationId }, 'a queue could not be drained: it is tried again');
    }
    this.#draining = false;
  }

  #out(): Outputs {
    return (this.#outputs ??= new Outputs(this.#shared, this.#connection, () => (this.#outputs = undefined)));
  }
}
