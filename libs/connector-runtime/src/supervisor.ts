import type { SendReply, SendRequest, StatusRecord } from '#lib/contracts';
import type { Failure } from './connection/failure.ts';
import { type Blueprint, blueprintOf, stillUsed } from './connection/blueprint.ts';
import { within } from './time/deadline.ts';
import type { Wanted } from './configuration/desired.ts';
import type { Identity } from './identity.ts';
import { Intake, type Rate } from './inbound/intake.ts';
import { Journal } from './status/journal.ts';
import type { Link } from './connection/link.ts';
import { Observed } from './status/observed.ts';
import { Outgoing } from './outbound/outgoing.ts';
import { persist } from './persist.ts';
import { Reconnector, type ReconnectorOwner } from './connection/reconnector.ts';
import type { Rendered, Unrenderable } from './configuration/rendering.ts';
import type { HeldPartition, Shared } from './shared.ts';
import { Standby, type StandbyOwner } from './connection/standby.ts';
import { clearState } from './connection/state.ts';
import { transition } from './connection/transition.ts';

/** What can't be had again, and the word that the link is gone, get this long to be stored when the partition goes. */
const FINISH_MS = 4_000;
/** A change that could not be applied while a link is up is tried again after this. */
const APPLY_AGAIN_MS = 5_000;

export interface SupervisorOptions {
  readonly of: Identity;
  readonly partition: HeldPartition;
  /** What is wanted now; undefined: deleted. */
  readonly wanted: () => Wanted | undefined;
  /** Rejects BusError while the keys of its secrets can't be had. */
  readonly render: (wanted: Wanted) => Promise<Rendered | Unrenderable>;
  readonly limits: Rate;
  /** What the holder before us wrote. */
  readonly previous: StatusRecord | undefined;
}

/** Runs one integration's lifecycle: brings its connection to what is wanted, whenever that may have changed, for as long as its partition is held. */
export class Supervisor implements ReconnectorOwner, StandbyOwner {
  readonly of: Identity;
  readonly partition: HeldPartition;
  readonly intake: Intake;
  readonly outgoing: Outgoing;
  readonly #shared: Shared;
  readonly #options: SupervisorOptions;
  readonly #observed: Observed;
  readonly #journal: Journal;
  readonly #reconnector: Reconnector;
  readonly #standby: Standby;
  /** While the old link is being closed after a change to a new one. */
  #retiring: Promise<void> = Promise.resolve();
  #dirty = false;
  #converging = false;
  #stopped = false;

  constructor(shared: Shared, options: SupervisorOptions) {
    const { of, partition, limits, previous } = options;
    this.of = of;
    this.partition = partition;
    this.#shared = shared;
    this.#options = options;
    this.#observed = new Observed(shared, of, previous);
    this.intake = new Intake(shared, of, partition, limits, {
      onHeld: (held) => this.#reconnector.link?.flow(held),
      incarnation: () => this.#reconnector.applied?.host ?? '-',
    });
    this.#journal = new Journal(shared, this.intake, this.#observed);
    this.#reconnector = new Reconnector(shared, of, this.intake, this.#journal, this);
    this.#standby = new Standby(shared, of, this.intake, this);
    this.outgoing = new Outgoing(shared, of, () => this.#reconnector.connection);
    this.#journal.takeOver(previous, partition.deadSince);
  }

  /** What is wanted, or what it renders to, may have changed. */
  changed(): void {
    this.#dirty = true;
    if (!this.#converging) void this.#converge();
  }

  /** Tries at once, whatever the back-off says. False: it is disabled, connected or connecting. */
  retry(): boolean {
    if (this.#stopped) return false;
    if (this.#standby.retry()) return true;
    if (this.#reconnector.phase !== 'idle' || this.#options.wanted()?.state.enabled !== true) return false;
    this.#reconnector.forget();
    this.#observed.set({ state: 'connecting', reason: undefined, nextAttempt: undefined });
    this.changed();
    return true;
  }

  /** Never rejects. */
  async send(request: SendRequest): Promise<SendReply> {
    const wanted = this.#options.wanted();
    if (wanted === undefined) return { verdict: 'notFound', error: { type: 'NotFound', message: 'there is no such integration' } };
    if (!wanted.state.enabled) return { verdict: 'disabled', error: { type: 'Disabled', message: 'the integration is disabled' } };
    const reply = await this.outgoing.send(request);
    this.#shared.metrics.sends.inc({ verdict: reply.verdict });
    return reply;
  }

  /** The partition goes: `lost` at once and without a word; `released` in order, telling what became of the link. */
  async stop(why: 'lost' | 'released'): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.outgoing.stop();
    if (why === 'lost') {
      this.#observed.drop();
      await this.#cut();
      return;
    }
    this.#standby.end();
    await this.#reconnector.end('The connector stopped');
    await this.#retiring;
    await within(this.#shared.wheel, FINISH_MS, this.intake.drain(), () => undefined);
    this.intake.abort();
    if (this.#observed.state !== undefined) this.#observed.set({ nextAttempt: undefined });
  }

  /** The integration is deleted: nothing of it stays here, and its state and status go, unless the partition is `gone` meanwhile. */
  async remove(gone: () => boolean): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.outgoing.stop();
    await this.#cut();
    // By the status, which goes last, a successor finds what is left to clear.
    await persist(this.#shared, 'clearing the state of a deleted integration', gone, () => clearState(this.#shared.bus, this.of));
    this.#observed.purge();
  }

  connected(): void {
    this.outgoing.connected();
  }

  failed(): void {
    const { tried, waiting } = this.#standby;
    this.#standby.end();
    // The next link is made of what is wanted now: at once, unless that was refused just now.
    if (tried !== undefined && waiting) this.#reconnector.apply(tried);
    else if (tried !== undefined) {
      this.#reconnector.forget();
      this.changed();
    }
  }

  current(): Link | undefined {
    return this.#reconnector.link;
  }

  async render(): Promise<Rendered | undefined> {
    const wanted = this.#options.wanted();
    const rendered = wanted === undefined ? undefined : await this.#options.render(wanted);
    return rendered?.ok === true ? rendered : undefined;
  }

  refused(failure: Failure, nextAttempt: number): void {
    const { applied } = this.#reconnector;
    if (applied !== undefined) this.#observed.set({ reason: stillUsed(failure, applied), nextAttempt });
  }

  async #converge(): Promise<void> {
    this.#converging = true;
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      try {
        await this.#settle();
      } catch (error) {
        this.#shared.log.error({ err: error, integration: this.of.integrationId }, 'a configuration could not be applied');
        if (this.#reconnector.phase === 'idle')
          this.#reconnector.fail({ code: 'lost', reason: 'Its configuration could not be applied now' });
        else this.#reconnector.lookAgain(APPLY_AGAIN_MS);
      }
    }
    this.#converging = false;
  }

  async #settle(): Promise<void> {
    const wanted = this.#options.wanted();
    if (wanted === undefined) return;
    const { version } = wanted;
    if (!wanted.state.enabled) {
      await this.#takeDown('Disabled');
      this.#reconnector.unapply(version);
      this.#journal.disabled(version);
      return;
    }
    const rendered = await this.#options.render(wanted);
    if (this.#dirty || this.#stopped) return;
    if (rendered.ok) await this.#apply(blueprintOf(rendered, version));
    else {
      await this.#takeDown('The configuration cannot be used');
      this.#reconnector.unapply(version);
      this.#reconnector.fail({ code: 'misconfigured', reason: rendered.reason });
    }
  }

  async #apply(wanted: Blueprint): Promise<void> {
    const { applied, phase, waiting } = this.#reconnector;
    const how = transition(wanted, { applied, phase, waiting, state: this.#observed.state });
    if (how === 'keep') {
      // What was tried instead of it is no longer wanted.
      const tried = this.#standby.tried !== undefined;
      this.#standby.end();
      this.#reconnector.keep(wanted);
      this.#observed.set({ appliedVersion: wanted.version, ...(tried ? { reason: undefined, nextAttempt: undefined } : {}) });
      return;
    }
    if (how === 'beside') {
      this.#standby.try(wanted);
      if (!this.#standby.ready) return;
      if (this.#shared.provider.trial === undefined) {
        await this.#changeOver(wanted);
        return;
      }
    }
    await this.#takeDown('The configuration changed');
    if (!this.#stopped) this.#reconnector.connect(wanted);
  }

  /** To the link that is up beside the old one, which is closed in order then. */
  async #changeOver(wanted: Blueprint): Promise<void> {
    const old = this.#reconnector.replace(this.#standby.take(this.#reconnector), wanted);
    this.#retiring = this.#standby.handover.retire(old, this.#reconnector.link);
    await this.#retiring;
    this.outgoing.connected();
  }

  /** Ends the link in order, if there is one, and what was to take its place. */
  async #takeDown(why: string): Promise<void> {
    this.#standby.end();
    await this.#reconnector.takeDown(why);
  }

  /** Ends everything at once: nothing more is stored, acknowledged or told. */
  async #cut(): Promise<void> {
    this.#standby.cut();
    await this.#reconnector.cut();
  }
}
