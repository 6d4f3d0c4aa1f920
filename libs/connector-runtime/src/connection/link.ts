import type { Socket } from 'node:net';
import { type Connection, type ConnectionContext, ConnectorError, type DurableState, type ReceivedMessage } from '#lib/connector-sdk';
import { dial } from '#lib/egress';
import type { Source } from '../inbound/entry.ts';
import type { Intake } from '../inbound/intake.ts';
import type { Identity } from '../identity.ts';
import type { Shared } from '../shared.ts';
import { stateOf } from './state.ts';
import type { Timer } from '../time/wheel.ts';

/** No proof of life for this long: the provider is asked for one. */
const PROBE_AFTER_MS = 8_000;
/** … and has this long to answer: together below the 15 s within which a dead link is to be told (promise 12). */
const PROBE_DEADLINE_MS = 5_000;

export interface LinkOwner {
  /** The link ended; called once, and not after `end`. */
  lost(link: Link, error: Error): void;
}

/** One attempt to connect and the connection that came of it: what the provider talks to, and what watches that it lives. */
export class Link implements ConnectionContext, Source {
  /** Undefined until it is up. */
  connection: Connection | undefined;
  /** Kind of the last proof. A status has that of the moment it was written: later ones are vouched for by the holder's heartbeat. */
  proof = 'connected';
  /** Monotonic ms, when it came up. */
  upSince = 0;
  /** Epoch ms of the last proof, for gaps. */
  provenAt: number;
  readonly redeliverable: boolean;
  /** Asked of each message while this link takes over from another or hands over to one; false: it came through the other. */
  admits: ((message: ReceivedMessage) => boolean) | undefined;
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #intake: Intake;
  readonly #owner: LinkOwner;
  readonly #abort = new AbortController();
  /** Made for those who use it: few providers do. */
  #state: DurableState | undefined;
  #onFlow: ((held: boolean) => void) | undefined;
  #evidence: number;
  #watch: Timer | undefined;
  #ended = false;
  #stopping = false;

  constructor(shared: Shared, of: Identity, intake: Intake, owner: LinkOwner, redeliverable: boolean) {
    this.#shared = shared;
    this.#of = of;
    this.#intake = intake;
    this.#owner = owner;
    this.redeliverable = redeliverable;
    this.provenAt = shared.clock.epoch();
    this.#evidence = shared.clock.monotonic();
  }

  get held(): boolean {
    return this.#stopping || this.#intake.holding.held;
  }
  get state(): DurableState {
    return (this.#state ??= stateOf(this.#shared, this.#of, () => this.#ended));
  }
  get signal(): AbortSignal {
    return this.#abort.signal;
  }
  get log(): ConnectionContext['log'] {
    const { log } = this.#shared;
    const { integrationId } = this.#of;
    return {
      info: (message) => log.info({ integration: integrationId }, message),
      warn: (message) => log.warn({ integration: integrationId }, message),
    };
  }

  receive(message: ReceivedMessage): Promise<void> {
    if (this.#ended) return Promise.reject(new ConnectorError('lost', 'The link is closed.'));
    this.#proof();
    if (this.#intake.holding.overrun) this.lost(new ConnectorError('lost', 'More messages came than were asked for.'));
    return this.admits?.(message) === false ? Promise.resolve() : this.#intake.receive(message, this);
  }

  onFlow(listener: (held: boolean) => void): void {
    this.#onFlow = listener;
  }

  /** The intake wants no more, or wants more again. */
  flow(held: boolean): void {
    // What came meanwhile may still stand behind what was held back: the deadline begins anew.
    if (!held) this.#evidence = this.#shared.clock.monotonic();
    if (!this.#stopping) this.#onFlow?.(held);
  }

  proven(kind: string): void {
    if (this.#ended) return;
    this.proof = kind;
    this.#proof();
  }

  lost(error: Error): void {
    if (this.#ended) return;
    this.end();
    this.#owner.lost(this, error);
  }

  gap(from: number, to: number, cause: string): void {
    if (!this.#ended) this.#intake.gap(from, to, cause);
  }

  async dial(host: string, port: number): Promise<Socket> {
    return await dial(this.#shared.egress, host, port, { signal: this.#abort.signal });
  }

  /** Asks for no more messages, while those at hand are still taken care of. */
  stopReading(): void {
    const reading = !this.held;
    this.#stopping = true;
    if (reading) this.#onFlow?.(true);
  }

  /** Takes back {@link stopReading}. */
  readOn(): void {
    this.#stopping = false;
    this.flow(this.#intake.holding.held);
  }

  /** It is up: watch it from now on. */
  up(connection: Connection): void {
    this.connection = connection;
    this.upSince = this.#shared.clock.monotonic();
    this.#proof();
    // Links that came up together are not asked together.
    this.#watchIn(PROBE_AFTER_MS * (0.5 + this.#shared.clock.random() / 2));
  }

  /** Nothing more is taken from it or told of it. Close the connection too. */
  end(): void {
    this.#ended = true;
    this.#watch?.cancel();
    this.#onFlow = undefined;
  }

  /** Gives up an attempt that is under way. */
  abandon(): void {
    this.end();
    this.#abort.abort(new ConnectorError('lost', 'The attempt to connect was given up.'));
  }

  #proof(): void {
    this.provenAt = this.#shared.clock.epoch();
    this.#evidence = this.#shared.clock.monotonic();
  }

  #watchIn(ms: number): void {
    this.#watch = this.#shared.wheel.after(ms, () => this.#check());
  }

  #check(): void {
    const silent = this.#shared.clock.monotonic() - this.#evidence;
    if (this.held) this.#watchIn(PROBE_AFTER_MS);
    else if (silent < PROBE_AFTER_MS - 20) this.#watchIn(PROBE_AFTER_MS - silent);
    else this.#probe();
  }

  #probe(): void {
    const asked = this.#shared.clock.monotonic();
    this.connection?.probe().then(
      () => this.proven('probe'),
      (error: unknown) => {
        // A link that ended says so itself; a probe that merely failed is judged by its deadline.
        if (error instanceof ConnectorError) this.lost(error);
      },
    );
    this.#watch = this.#shared.wheel.after(PROBE_DEADLINE_MS, () => {
      if (this.#evidence >= asked || this.held) this.#check();
      else this.lost(new ConnectorError('lost', 'Keepalive Timeout'));
    });
  }
}
