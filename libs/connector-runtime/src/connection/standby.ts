import { Attempts } from './attempts.ts';
import type { Blueprint } from './blueprint.ts';
import { Dialer, type DialerOwner } from './dialer.ts';
import { Handover } from './handover.ts';
import type { Identity } from '../identity.ts';
import type { Intake } from '../inbound/intake.ts';
import type { Link } from './link.ts';
import { type Failure, failureOf } from './failure.ts';
import type { Rendered } from '../configuration/rendering.ts';
import type { Shared } from '../shared.ts';

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
  readonly handover: Handover;
  readonly #shared: Shared;
  readonly #of: Identity;
  readonly #intake: Intake;
  readonly #owner: StandbyOwner;
  readonly #attempts: Attempts;
  #tried: Blueprint | undefined;
  #dialer: Dialer | undefined;

  constructor(shared: Shared, of: Identity, intake: Intake, owner: StandbyOwner) {
    this.handover = new Handover(shared, intake);
    this.#shared = shared;
    this.#of = of;
    this.#intake = intake;
    this.#owner = owner;
    this.#attempts = new Attempts(shared);
  }

  /** What is tried, or waits to be tried again. */
  get tried(): Blueprint | undefined {
    return this.#tried;
  }
  /** It failed, and waits. */
  get waiting(): boolean {
    return this.#attempts.waiting;
  }
  /** It is up: change over to it. Of a trial: `end` it and connect anew. */
  get ready(): boolean {
    return this.#dialer?.connection !== undefined;
  }

  /** Tries it, unless that is under way, or failed and waits. */
  try(blueprint: Blueprint): void {
    if (this.#tried?.fingerprint === blueprint.fingerprint && this.#tried.label === blueprint.label) return;
    this.end();
    this.#tried = blueprint;
    this.#attempt();
  }

  /** Tries at once. False: nothing waits. */
  retry(): boolean {
    if (!this.#attempts.waiting) return false;
    this.#attempts.cancel();
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
    this.#attempts.cancel();
    this.handover.cancel();
    this.#dialer?.cut();
    this.#forget();
  }

  /** Gives it up, and what is left of the old link after a change. */
  cut(): void {
    this.end();
    this.handover.cut();
  }

  /** The dialer of the link that is up is now `owner`'s. The old one's link is to be retired. */
  take(owner: DialerOwner): Dialer {
    const dialer = this.#dialer;
    if (dialer === undefined) throw new Error('There is no link to change over to.');
    dialer.owner = owner;
    this.#forget();
    return dialer;
  }

  #forget(): void {
    this.#dialer = undefined;
    this.#tried = undefined;
    this.#attempts.forget();
  }

  #attempt(): void {
    const tried = this.#tried;
    if (tried === undefined) return;
    this.#dialer = new Dialer(this.#shared, this.#of, this.#intake, this, {
      trial: true,
      made: (link) => this.handover.begin(this.#owner.current(), link),
    });
    this.#dialer.dial(tried.host, () => this.#prepare(tried));
  }

  async #prepare(tried: Blueprint): Promise<Rendered | undefined> {
    try {
      const rendered = await this.#owner.render();
      if (rendered?.fingerprint === tried.fingerprint) return rendered;
      if (this.#tried === tried) this.end();
      this.#owner.changed();
    } catch (error) {
      this.#shared.log.warn({ err: error, integration: this.#of.integrationId }, 'a configuration could not be rendered now');
      if (this.#tried === tried) this.#failed({ code: 'lost', reason: 'The keys of its secrets cannot be had now' });
    }
    return undefined;
  }

  #failed(failure: Failure): void {
    this.handover.cancel();
    this.#shared.metrics.attempts.inc({ outcome: failure.code });
    const { nextAttempt } = this.#attempts.failed(failure, this.#tried?.host, () => this.#attempt());
    this.#owner.refused(failure, nextAttempt);
  }
}
