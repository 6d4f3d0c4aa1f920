import type { Connection } from '#lib/connector-sdk';
import { Attempts } from './attempts.ts';
import type { Blueprint } from './blueprint.ts';
import { Dialer, type DialerOwner } from './dialer.ts';
import type { Identity } from '../identity.ts';
import type { Intake } from '../inbound/intake.ts';
import type { Journal } from '../status/journal.ts';
import type { Link } from './link.ts';
import { type Failure, failureOf } from './failure.ts';
import type { Rendered } from '../configuration/rendering.ts';
import type { Shared } from '../shared.ts';

/** A link that stood this long was fine: its next loss starts from the beginning. */
const STABLE_MS = 60_000;

export interface ReconnectorOwner {
  connected(): void;
  /** An attempt failed or a link was lost: the next attempt waits for its time. */
  failed(): void;
  /** What is wanted now, for an attempt; undefined: none is to be made. Rejects BusError while keys can't be had. */
  render(): Promise<Rendered | undefined>;
  /** What is wanted may be another thing than what is applied: look again. */
  changed(): void;
}

/** Keeps one integration connected as it is told to: dials, waits, dials again when the link is lost. */
export class Reconnector implements DialerOwner {
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #intake: Intake;
  readonly #journal: Journal;
  readonly #owner: ReconnectorOwner;
  readonly #attempts: Attempts;
  #dialer: Dialer;
  /** What the link is made of, or the next one will be; undefined: none is to be made. */
  #applied: Blueprint | undefined;
  #version = 0;
  #ended = false;

  constructor(shared: Shared, of: Identity, intake: Intake, journal: Journal, owner: ReconnectorOwner) {
    this.#shared = shared;
    this.#of = of;
    this.#intake = intake;
    this.#journal = journal;
    this.#owner = owner;
    this.#attempts = new Attempts(shared);
    this.#dialer = new Dialer(shared, of, intake, this);
  }

  /** The link that is up, or is coming up. */
  get link(): Link | undefined {
    return this.#dialer.link;
  }
  get connection(): Connection | undefined {
    return this.#dialer.connection;
  }
  get phase(): Dialer['phase'] {
    return this.#dialer.phase;
  }
  /** The next attempt, or look, waits for its time. */
  get waiting(): boolean {
    return this.#attempts.waiting;
  }
  get applied(): Blueprint | undefined {
    return this.#applied;
  }

  /** Makes a connection of it, and makes it again whenever it is lost. */
  connect(blueprint: Blueprint): void {
    this.apply(blueprint);
    this.#journal.connecting(blueprint.version);
    this.#dial();
  }

  /** Goes on with the link that `dialer` made of it; the dialer of the old one, to be retired. */
  replace(dialer: Dialer, blueprint: Blueprint): Dialer {
    const old = this.#dialer;
    this.#dialer = dialer;
    this.apply(blueprint);
    this.#journal.changedOver(dialer.link, blueprint.version);
    return old;
  }

  /** The next connection is made of it. */
  apply(blueprint: Blueprint): void {
    this.unapply(blueprint.version);
    this.#applied = blueprint;
  }

  /** A version that comes to the same as what is applied. */
  keep(blueprint: Blueprint): void {
    this.#applied = blueprint;
    this.#version = blueprint.version;
  }

  /** Of this version no connection is to be made. */
  unapply(version: number): void {
    this.forget();
    if (version !== this.#version) this.#journal.tellAgain();
    this.#version = version;
    this.#attempts.forget();
  }

  /** Once the next attempt is due, the owner looks at what is wanted then. */
  forget(): void {
    this.#applied = undefined;
  }

  /** There is no connection, and why; another attempt, or look, follows. */
  fail(failure: Failure, wasUp?: Link): void {
    if (this.#ended) return;
    this.#shared.metrics.attempts.inc({ outcome: wasUp === undefined ? failure.code : 'dropped' });
    const next = this.#attempts.failed(failure, this.#applied?.host, () => {
      if (this.#applied === undefined) this.#owner.changed();
      else this.#dial();
    });
    this.#journal.failed(failure, wasUp, { ...next, version: this.#version });
  }

  /** The owner looks again after this. */
  lookAgain(ms: number): void {
    this.#attempts.after(ms, () => this.#owner.changed());
  }

  up(link: Link, connection: Connection): void {
    this.#shared.metrics.attempts.inc({ outcome: 'connected' });
    this.#journal.connected(link, connection, this.#applied);
    this.#owner.connected();
  }

  down(error: Error, wasUp: Link | undefined): void {
    if (wasUp !== undefined && this.#shared.clock.monotonic() - wasUp.upSince >= STABLE_MS) this.#attempts.forget();
    this.fail(failureOf(error), wasUp);
    this.#owner.failed();
  }

  /** Ends the link in order, if there is one: what is on its way is stored and acknowledged first. */
  async takeDown(why: string): Promise<void> {
    this.#attempts.cancel();
    const { link } = this.#dialer;
    await this.#dialer.drain();
    const lost = this.#dialer.link !== link;
    // What a loss meanwhile led to is off, and was told.
    this.#attempts.cancel();
    const ended = this.#dialer.end();
    if (lost && ended !== undefined) await this.#dialer.close(ended, false);
    if (!lost && ended !== undefined) this.#journal.closed(why);
  }

  /** Takes the link down, and makes no other. */
  async end(why: string): Promise<void> {
    this.#ended = true;
    await this.takeDown(why);
  }

  /** Ends everything at once: nothing more is stored, acknowledged or told. */
  async cut(): Promise<void> {
    this.#ended = true;
    this.#attempts.cancel();
    const connection = this.#dialer.end();
    this.#intake.abort();
    if (connection !== undefined) await this.#dialer.close(connection, false);
  }

  #dial(): void {
    this.#dialer.dial(this.#applied?.host ?? this.#shared.type, async () => {
      try {
        const rendered = await this.#owner.render();
        if (rendered !== undefined) return rendered;
        this.#owner.changed();
      } catch (error) {
        this.#shared.log.warn({ err: error, integration: this.#of.integrationId }, 'a configuration could not be rendered now');
        this.fail({ code: 'lost', reason: 'The keys of its secrets cannot be had now' });
      }
      return undefined;
    });
  }
}
