import { type Connection, ConnectorError } from '#lib/connector-sdk';
import { within } from '../time/deadline.ts';
import type { Pass } from './host-gate.ts';
import type { Identity } from '../identity.ts';
import type { Intake } from '../inbound/intake.ts';
import { Link, type LinkOwner } from './link.ts';
import type { Rendered } from '../configuration/rendering.ts';
import type { Shared } from '../shared.ts';

/** From the dial to the last proof (every SUBACK): a host that keeps silent is no connection. */
const CONNECT_DEADLINE_MS = 10_000;
/** What is on its way to the bus gets this long before a link is closed in order. */
const QUIET_MS = 3_000;
/** A provider gets this long to close a connection in order. */
const CLOSE_MS = 6_000;

export interface DialerOwner {
  up(link: Link, connection: Connection): void;
  /** An attempt failed, or with `wasUp` a link was lost; it is closed already. */
  down(error: Error, wasUp: Link | undefined): void;
}

export interface DialerOptions {
  /** Makes what the provider offers for a trial, if it does. */
  readonly trial?: boolean;
  /** Called with each link before it connects. */
  readonly made?: (link: Link) => void;
}

/** Makes one link at a time: waits for its host's turn, connects within a deadline, and ends what it made. */
export class Dialer implements LinkOwner {
  /** Who is told; another one once the link is handed over. */
  owner: DialerOwner;
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #intake: Intake;
  readonly #options: DialerOptions;
  #link: Link | undefined;
  #pass: Pass | undefined;

  constructor(shared: Shared, of: Identity, intake: Intake, owner: DialerOwner, options: DialerOptions = {}) {
    this.#shared = shared;
    this.#of = of;
    this.#intake = intake;
    this.owner = owner;
    this.#options = options;
  }

  /** The link that is up, or is coming up. */
  get link(): Link | undefined {
    return this.#link;
  }
  get connection(): Connection | undefined {
    return this.#link?.connection;
  }
  /** `dialing`: an attempt waits for its host's turn or is under way. */
  get phase(): 'idle' | 'dialing' | 'up' {
    if (this.connection !== undefined) return 'up';
    return this.#pass === undefined && this.#link === undefined ? 'idle' : 'dialing';
  }

  /** `prepare` renders anew for the attempt, so that no secret lies in clear between attempts; undefined: it is off, and who prepared knows why. */
  dial(host: string, prepare: () => Promise<Rendered | undefined>): void {
    this.#leave();
    this.#pass = this.#shared.gate.enter(host, (pass) => {
      this.#pass = pass;
      void this.#attempt(pass, prepare);
    });
  }

  lost(link: Link, error: Error): void {
    if (link !== this.#link) return;
    const { connection } = link;
    this.#drop();
    if (connection !== undefined) void this.close(connection, false);
    this.#intake.letGo(link);
    this.owner.down(error, connection === undefined ? undefined : link);
  }

  /** Ends the attempt or the link without a word; the connection, to be closed, if there was one. */
  end(): Connection | undefined {
    const connection = this.connection;
    this.#drop();
    return connection;
  }

  /** Closes the link in order, if one is up: what is on its way is stored and acknowledged first. It is {@link end}ed by the caller then. */
  async drain(): Promise<void> {
    const link = this.#link;
    const connection = link?.connection;
    if (link === undefined || connection === undefined) return;
    link.stopReading();
    await within(this.#shared.wheel, QUIET_MS, this.#intake.quiet(), () => undefined);
    const closed = this.close(connection, true);
    this.#intake.letGo(link);
    this.#intake.resume();
    await closed;
  }

  /** Ends it at once. */
  cut(): void {
    const connection = this.end();
    if (connection !== undefined) void this.close(connection, false);
  }

  /** Never rejects, and never takes longer than a provider may. */
  async close(connection: Connection, drain: boolean): Promise<void> {
    try {
      await within(this.#shared.wheel, CLOSE_MS, connection.close({ drain }), () => undefined);
    } catch (error) {
      this.#shared.log.warn({ err: error, integration: this.#of.integrationId }, 'a connection did not close in order');
    }
  }

  async #attempt(pass: Pass, prepare: () => Promise<Rendered | undefined>): Promise<void> {
    const rendered = await prepare();
    if (pass !== this.#pass) return;
    if (rendered === undefined) {
      this.#drop();
      return;
    }
    const link = new Link(this.#shared, this.#of, this.#intake, this, rendered.delivery === 'at-least-once');
    this.#link = link;
    this.#options.made?.(link);
    const deadline = this.#shared.wheel.after(CONNECT_DEADLINE_MS, () =>
      link.lost(new ConnectorError('lost', `No connection within ${CONNECT_DEADLINE_MS / 1000} s`)),
    );
    try {
      const connection = await this.#connect(rendered, link);
      if (this.#link === link) this.#connected(link, connection);
      else await this.close(connection, false);
    } catch (error) {
      link.lost(error instanceof Error ? error : new Error('the attempt failed'));
    } finally {
      deadline.cancel();
    }
  }

  async #connect({ config }: Rendered, link: Link): Promise<Connection> {
    const { provider } = this.#shared;
    if (this.#options.trial === true && provider.trial !== undefined) return await provider.trial(config, link);
    return await provider.connect(config, link);
  }

  #connected(link: Link, connection: Connection): void {
    this.#leave();
    link.up(connection);
    this.#shared.metrics.links.inc();
    this.owner.up(link, connection);
  }

  #drop(): void {
    this.#leave();
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    if (link.connection === undefined) link.abandon();
    else {
      link.end();
      this.#shared.metrics.links.dec();
    }
  }

  #leave(): void {
    if (this.#pass !== undefined) this.#shared.gate.leave(this.#pass);
    this.#pass = undefined;
  }
}
