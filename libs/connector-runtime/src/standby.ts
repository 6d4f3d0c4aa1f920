import type { ReceivedMessage } from '#lib/connector-sdk';
import { type Failure, afterFailure } from './backoff.ts';
import { within } from './deadline.ts';
import { Dialer, type DialerOwner } from './dialer.ts';
import type { Identity } from './identity.ts';
import type { Intake } from './intake.ts';
import type { Link } from './link.ts';
import { Overlap } from './overlap.ts';
import { failureOf } from './reasons.ts';
import type { Rendered } from './rendering.ts';
import type { Shared } from './shared.ts';
import type { Timer } from './wheel.ts';

/** Where each link is sent all messages, the old one gets this long to bring what was sent before the new one was there, ms. */
const CATCH_UP_MS = 10_000;
/** What both links brought comes through the new one within this of its first reading, as long as it isn't held back, ms. */
const OVERLAP_MS = 10_000;

/** What a connection is made of; its configuration, secrets in clear, isn't kept. */
export interface Made extends Pick<Rendered, 'fingerprint' | 'base' | 'host' | 'delivery'> {
  readonly version: number;
  /** `version 3`, with the credential where one is named. */
  readonly label: string;
}

export const madeOf = ({ fingerprint, base, host, delivery, credential }: Rendered, version: number): Made => ({
  fingerprint,
  base,
  host,
  delivery,
  version,
  label: `version ${version}${credential === undefined ? '' : ` and the ${credential}`}`,
});

/** The status' reason while a connection stands although its secret was changed. */
export function stillUsed({ code, reason }: Failure, made: Made): string {
  const verdict = code === 'lost' || code === 'throttled' ? 'could not be tried' : 'was refused';
  return `The new credential ${verdict}: ${reason.replace(/\.?$/, '.')} The connection made with ${made.label} is still used.`;
}

export interface StandbyOwner {
  /** The link that stands meanwhile. */
  current(): Link | undefined;
  /** What is wanted now, for an attempt. Rejects BusError while keys can't be had. */
  render(): Promise<Rendered | undefined>;
  /** It is up, or what it was to be made of changed: look again. */
  changed(): void;
  /** It can't be had now. `nextAttempt`: epoch ms. */
  refused(failure: Failure, nextAttempt: number): void;
}

/** Make before break: brings a connection with changed secrets up beside the one that is there, which stands until then (docs/adr/0013). */
export class Standby implements DialerOwner {
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #intake: Intake;
  readonly #owner: StandbyOwner;
  #made: Made | undefined;
  #dialer: Dialer | undefined;
  /** Until the next attempt, after one that failed. */
  #timer: Timer | undefined;
  #attempts = 0;
  /** Whose messages are noted, as the new link brings them too. */
  #noted: Link | undefined;
  #leaving: Dialer | undefined;

  constructor(shared: Shared, of: Identity, intake: Intake, owner: StandbyOwner) {
    this.#shared = shared;
    this.#of = of;
    this.#intake = intake;
    this.#owner = owner;
  }

  /** What is tried, or waits to be tried again. */
  get made(): Made | undefined {
    return this.#made;
  }
  /** It failed, and waits. */
  get waiting(): boolean {
    return this.#timer !== undefined;
  }
  /** It is up: change over to it. Of a trial: `end` it and connect anew. */
  get ready(): boolean {
    return this.#dialer?.connection !== undefined;
  }

  /** Tries it, unless that is under way, or failed and waits. */
  try(made: Made): void {
    if (this.#made?.fingerprint === made.fingerprint && this.#made.label === made.label) return;
    this.end();
    this.#made = made;
    this.#attempt();
  }

  /** Tries at once. False: nothing waits. */
  retry(): boolean {
    if (this.#timer === undefined) return false;
    this.#cancel();
    this.#attempt();
    return true;
  }

  up(): void {
    this.#owner.changed();
  }

  down(error: Error): void {
    this.#failed(failureOf(error));
  }

  /** Gives it up. */
  end(): void {
    this.#cancel();
    this.#unnote();
    cut(this.#dialer);
    this.#dialer = undefined;
    this.#made = undefined;
    this.#attempts = 0;
  }

  /** Gives it up, and what is left of the old link after a change. */
  cut(): void {
    this.end();
    cut(this.#leaving);
  }

  /** The dialer of the link that is up is now `owner`'s. The old one's link is to be retired. */
  take(owner: DialerOwner): Dialer {
    const dialer = this.#dialer;
    if (dialer === undefined) throw new Error('There is no link to change over to.');
    dialer.owner = owner;
    this.#dialer = undefined;
    this.#made = undefined;
    this.#attempts = 0;
    return dialer;
  }

  /**
   * Closes the old link in order. Its successor reads from now on where the provider shares messages out among its links; where each is sent all of them, once
   * the old one has brought its last: what it brought is known then.
   */
  async retire(old: Dialer, successor: Link | undefined): Promise<void> {
    old.owner = UNHEARD;
    this.#leaving = old;
    const copies = this.#shared.provider.copies !== undefined;
    if (copies) await this.#catchUp(old);
    else successor?.readOn();
    await old.drain();
    old.end();
    this.#leaving = undefined;
    this.#unnote();
    if (!copies || successor === undefined) return;
    successor.readOn();
    this.#forgetLater(successor);
  }

  /** A link that answers has brought all that was sent before. One that doesn't in time, as it is held back, takes what it still had to bring with it. */
  async #catchUp(old: Dialer): Promise<void> {
    const { link, connection } = old;
    if (link === undefined || connection === undefined) return;
    const answered = connection.probe().then(
      () => true,
      () => false,
    );
    if (await within(this.#shared.wheel, CATCH_UP_MS, answered, () => false)) return;
    this.#intake.gap(link.provenAt, this.#shared.clock.epoch(), 'The link was changed before all that was sent to it was read.');
  }

  #attempt(): void {
    const made = this.#made;
    if (made === undefined) return;
    this.#dialer = new Dialer(this.#shared, this.#of, this.#intake, this, {
      trial: true,
      made: (link) => this.#beside(link),
    });
    this.#dialer.dial(made.host, () => this.#prepare(made));
  }

  async #prepare(made: Made): Promise<Rendered | undefined> {
    try {
      const rendered = await this.#owner.render();
      if (rendered?.fingerprint === made.fingerprint) return rendered;
      if (this.#made === made) this.end();
      this.#owner.changed();
    } catch (error) {
      this.#shared.log.warn({ err: error, integration: this.#of.integrationId }, 'a configuration could not be rendered now');
      if (this.#made === made) this.#failed({ code: 'lost', reason: 'The keys of its secrets cannot be had now' });
    }
    return undefined;
  }

  /** Nothing is read from it until the change, and nothing is taken from it that the link which stands brings too. */
  #beside(link: Link): void {
    link.stopReading();
    const current = this.#owner.current();
    const { provider, metrics } = this.#shared;
    if (provider.copies === undefined || current === undefined) return;
    const contentOf = (message: ReceivedMessage): string => provider.copies?.(message) ?? '';
    const overlap = new Overlap();
    current.admits = (message) => {
      overlap.brought(contentOf(message));
      return true;
    };
    link.admits = (message) => {
      if (!overlap.repeats(contentOf(message))) return true;
      metrics.notStored.inc({ reason: 'copy' });
      return false;
    };
    this.#noted = current;
  }

  #unnote(): void {
    if (this.#noted !== undefined) this.#noted.admits = undefined;
    this.#noted = undefined;
  }

  #forgetLater(link: Link): void {
    this.#shared.wheel.after(OVERLAP_MS, () => {
      if (link.held) this.#forgetLater(link);
      else link.admits = undefined;
    });
  }

  #failed(failure: Failure): void {
    const next = afterFailure(failure, this.#attempts, this.#shared.clock.random());
    this.#attempts = next.attempts;
    this.#unnote();
    this.#shared.metrics.attempts.inc({ outcome: failure.code });
    if (next.blamesHost && this.#made !== undefined) this.#shared.gate.blame(this.#made.host);
    this.#timer = this.#shared.wheel.after(next.delayMs, () => this.retry());
    this.#owner.refused(failure, Math.round(this.#shared.clock.epoch() + next.delayMs));
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

function cut(dialer: Dialer | undefined): void {
  const connection = dialer?.end();
  if (connection !== undefined) void dialer?.close(connection, false);
}

/** Hears what becomes of a link that is closed anyway. */
const UNHEARD: DialerOwner = { up: () => undefined, down: () => undefined };
