import type { Connection } from '#lib/connector-sdk';
import type { SendReply, SendRequest, StatusRecord } from '#lib/contracts';
import { type Failure, STABLE_MS, afterFailure } from './backoff.ts';
import { within } from './deadline.ts';
import type { Wanted } from './desired.ts';
import { Dialer, type DialerOwner } from './dialer.ts';
import type { Identity } from './identity.ts';
import { Intake, type Rate } from './intake.ts';
import type { Link } from './link.ts';
import { Observed } from './observed.ts';
import { Outbox } from './outbox.ts';
import { persist } from './persist.ts';
import { endData, failureOf } from './reasons.ts';
import type { Rendered, Unrenderable } from './rendering.ts';
import type { HeldPartition, Shared } from './shared.ts';
import { type Made, Standby, type StandbyOwner, madeOf, stillUsed } from './standby.ts';
import { clearState } from './state.ts';
import type { Timer } from './wheel.ts';

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

/**
 * Runs one integration's lifecycle: disabled or not renderable, waiting for the next attempt, dialing, up. It alone decides when to connect, and all it decides
 * follows from what is wanted and from what the link says.
 */
export class Supervisor implements DialerOwner, StandbyOwner {
  readonly of: Identity;
  readonly partition: HeldPartition;
  readonly intake: Intake;
  readonly outbox: Outbox;
  readonly #shared: Shared;
  readonly #options: SupervisorOptions;
  readonly #observed: Observed;
  readonly #standby: Standby;
  #dialer: Dialer;
  /** While the old link is being closed after a change to a new one. */
  #retiring: Promise<void> = Promise.resolve();
  /** What the link is made of, or the next one will be; undefined: none is to be made. */
  #applied: Made | undefined;
  #version = 0;
  /** Until the next attempt, to connect or to apply a change. */
  #timer: Timer | undefined;
  #attempts = 0;
  #dirty = false;
  #converging = false;
  #stopped = false;
  /** Epoch ms since when nothing is heard of the source: a gap, if it can't deliver again. */
  #deafSince: number | undefined;
  /** The reason that was told last in this outage. */
  #told: string | undefined;

  constructor(shared: Shared, options: SupervisorOptions) {
    this.of = options.of;
    this.partition = options.partition;
    this.#shared = shared;
    this.#options = options;
    this.#observed = new Observed(shared, options.of, options.previous);
    this.intake = new Intake(shared, options.of, options.partition, options.limits, {
      onHeld: (held) => this.#dialer.link?.flow(held),
      incarnation: () => this.#applied?.host ?? '-',
    });
    this.#dialer = new Dialer(shared, options.of, this.intake, this);
    this.#standby = new Standby(shared, options.of, this.intake, this);
    this.outbox = new Outbox(shared, options.of, () => this.#dialer.connection);
    this.#takeOver(options.previous);
  }

  /** What is wanted, or what it renders to, may have changed. */
  changed(): void {
    this.#dirty = true;
    if (!this.#converging) void this.#converge();
  }

  /** Tries at once, whatever the back-off says. False: it is disabled, connected or connecting. */
  retry(): boolean {
    if (!this.#stopped && this.#standby.retry()) return true;
    if (this.#stopped || this.#dialer.dialing || this.#dialer.link !== undefined) return false;
    if (this.#options.wanted()?.state.enabled !== true) return false;
    this.#applied = undefined;
    this.#observed.set({ state: 'connecting', reason: undefined, nextAttempt: undefined });
    this.changed();
    return true;
  }

  /** Never rejects. */
  async send(request: SendRequest): Promise<SendReply> {
    const wanted = this.#options.wanted();
    if (wanted === undefined) return { verdict: 'notFound', error: { type: 'NotFound', message: 'there is no such integration' } };
    if (!wanted.state.enabled) return { verdict: 'disabled', error: { type: 'Disabled', message: 'the integration is disabled' } };
    const reply = await this.outbox.send(request);
    this.#shared.metrics.sends.inc({ verdict: reply.verdict });
    return reply;
  }

  up(link: Link, connection: Connection): void {
    const now = this.#shared.clock.epoch();
    this.#told = undefined;
    this.#shared.metrics.attempts.inc({ outcome: 'connected' });
    if (this.#deafSince !== undefined && this.#applied?.delivery === 'at-most-once')
      this.intake.gap(this.#deafSince, now, 'The link was down.');
    this.#deafSince = undefined;
    this.intake.record('connect', connection.connectData, now);
    this.#observed.set({
      state: 'connected',
      reason: undefined,
      nextAttempt: undefined,
      evidence: { kind: link.proof, at: now },
      connectInfo: { ts: now },
    });
    this.outbox.connected();
  }

  down(error: Error, wasUp: Link | undefined): void {
    if (wasUp !== undefined) {
      this.#deafSince = wasUp.provenAt;
      if (this.#shared.clock.monotonic() - wasUp.upSince >= STABLE_MS) this.#attempts = 0;
    }
    this.#failed(failureOf(error), wasUp !== undefined);
    const { made, waiting } = this.#standby;
    this.#standby.end();
    // The next link is made of what is wanted now: at once, unless that was refused just now.
    if (made !== undefined && waiting) this.#apply(made);
    else if (made !== undefined) {
      this.#applied = undefined;
      this.changed();
    }
  }

  current(): Link | undefined {
    return this.#dialer.link;
  }

  async render(): Promise<Rendered | undefined> {
    const wanted = this.#options.wanted();
    const rendered = wanted === undefined ? undefined : await this.#options.render(wanted);
    return rendered?.ok === true ? rendered : undefined;
  }

  refused(failure: Failure, nextAttempt: number): void {
    if (this.#applied !== undefined) this.#observed.set({ reason: stillUsed(failure, this.#applied), nextAttempt });
  }

  /** The partition goes: `lost` at once and without a word; `released` in order, telling what became of the link. */
  async stop(why: 'lost' | 'released'): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.outbox.stop();
    if (why === 'released') {
      await this.#takeDown('The connector stopped');
      await this.#retiring;
      await within(this.#shared.wheel, FINISH_MS, this.intake.drain(), () => undefined);
      this.intake.abort();
      if (this.#observed.state !== undefined) this.#observed.set({ nextAttempt: undefined });
      return;
    }
    this.#observed.drop();
    await this.#cut();
  }

  /** The integration is deleted: nothing of it stays here, and its state and status go, unless the partition is `gone` meanwhile. */
  async remove(gone: () => boolean): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.outbox.stop();
    await this.#cut();
    // By the status, which goes last, a successor finds what is left to clear.
    await persist(this.#shared, 'clearing the state of a deleted integration', gone, () => clearState(this.#shared.bus, this.of));
    this.#observed.purge();
  }

  #takeOver(previous: StatusRecord | undefined): void {
    if (previous === undefined) return;
    if (previous.state === 'connected') {
      // Its holder would have said otherwise had it been able to: it died.
      const at = this.partition.deadSince ?? previous.evidence?.at ?? previous.since;
      this.#deafSince = at;
      this.#tell('disconnect', { reason: 'The connector died' }, at);
    } else if (previous.state !== 'disabled' && previous.connectInfo !== undefined)
      this.#deafSince = previous.disconnectInfo?.ts ?? previous.since;
  }

  async #converge(): Promise<void> {
    this.#converging = true;
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      try {
        await this.#settle();
      } catch (error) {
        this.#shared.log.error({ err: error, integration: this.of.integrationId }, 'a configuration could not be applied');
        if (!this.#dialer.dialing && this.#dialer.link === undefined)
          this.#failed({ code: 'lost', reason: 'Its configuration could not be applied now' }, false);
        else this.#later(APPLY_AGAIN_MS, () => this.changed());
      }
    }
    this.#converging = false;
  }

  async #settle(): Promise<void> {
    const wanted = this.#options.wanted();
    if (wanted === undefined) return;
    if (!wanted.state.enabled) {
      await this.#takeDown('Disabled');
      this.#unapply(wanted.version);
      this.#deafSince = undefined;
      this.#observed.set({
        state: 'disabled',
        reason: undefined,
        nextAttempt: undefined,
        evidence: undefined,
        appliedVersion: wanted.version,
      });
      return;
    }
    const rendered = await this.#options.render(wanted);
    if (this.#dirty || this.#stopped) return;
    if (!rendered.ok) {
      await this.#takeDown('The configuration cannot be used');
      this.#unapply(wanted.version);
      this.#failed({ code: 'misconfigured', reason: rendered.reason }, false);
      return;
    }
    const made = madeOf(rendered, wanted.version);
    if (this.#stands(made)) {
      // What was tried instead of it is no longer wanted.
      const tried = this.#standby.made !== undefined;
      this.#standby.end();
      if (this.#applied !== undefined) this.#applied = made;
      this.#version = wanted.version;
      this.#observed.set({ appliedVersion: wanted.version, ...(tried ? { reason: undefined, nextAttempt: undefined } : {}) });
      return;
    }
    if (this.#dialer.connection !== undefined && made.base === this.#applied?.base) {
      this.#standby.try(made);
      if (!this.#standby.ready) return;
      if (this.#shared.provider.trial === undefined) {
        await this.#changeOver(made);
        return;
      }
    }
    await this.#takeDown('The configuration changed');
    if (this.#stopped) return;
    this.#apply(made);
    this.#observed.set({
      state: 'connecting',
      reason: undefined,
      nextAttempt: undefined,
      evidence: undefined,
      appliedVersion: wanted.version,
    });
    this.#dial();
  }

  /** What is there, or under way, is what is wanted; of what waits for the user, a new version is reason enough to try. */
  #stands({ fingerprint, version }: Made): boolean {
    if (fingerprint !== this.#applied?.fingerprint) return false;
    if (this.#dialer.dialing || this.#dialer.link !== undefined) return true;
    const waitsForUser = this.#observed.state === 'misconfigured' || this.#observed.state === 'unauthorized';
    return this.#timer !== undefined && !(waitsForUser && version !== this.#version);
  }

  #apply(made: Made): void {
    this.#unapply(made.version);
    this.#applied = made;
  }

  #unapply(version: number): void {
    this.#applied = undefined;
    if (version !== this.#version) this.#told = undefined;
    this.#version = version;
    this.#attempts = 0;
  }

  /** To the link that is up beside the old one, which is closed in order then. */
  async #changeOver(made: Made): Promise<void> {
    const old = this.#dialer;
    this.#dialer = this.#standby.take(this);
    this.#apply(made);
    const { link } = this.#dialer;
    this.#observed.set({
      state: 'connected',
      reason: undefined,
      nextAttempt: undefined,
      evidence: { kind: link?.proof ?? 'connected', at: this.#shared.clock.epoch() },
      appliedVersion: made.version,
    });
    this.#retiring = this.#standby.retire(old, link);
    await this.#retiring;
    this.outbox.connected();
  }

  #dial(): void {
    this.#dialer.dial(this.#applied?.host ?? this.#shared.type, async () => {
      try {
        const rendered = await this.render();
        if (rendered !== undefined) return rendered;
        this.changed();
      } catch (error) {
        this.#shared.log.warn({ err: error, integration: this.of.integrationId }, 'a configuration could not be rendered now');
        this.#failed({ code: 'lost', reason: 'The keys of its secrets cannot be had now' }, false);
      }
      return undefined;
    });
  }

  #failed(failure: Failure, wasUp: boolean): void {
    if (this.#stopped) return;
    const now = this.#shared.clock.epoch();
    const next = afterFailure(failure, this.#attempts, this.#shared.clock.random());
    this.#attempts = next.attempts;
    this.#shared.metrics.attempts.inc({ outcome: wasUp ? 'dropped' : failure.code });
    if (next.blamesHost && this.#applied !== undefined) this.#shared.gate.blame(this.#applied.host);
    if (wasUp) this.#tell('disconnect', failure, now);
    // Of an outage each reason is told once, not each attempt.
    else if (this.#told !== failure.reason) this.#tell('failure', failure, now);
    this.#told = failure.reason;
    this.#later(next.delayMs, () => {
      if (this.#applied === undefined) this.changed();
      else this.#dial();
    });
    this.#observed.set({
      state: next.state,
      reason: failure.reason,
      nextAttempt: Math.round(now + next.delayMs),
      appliedVersion: this.#version,
      evidence: undefined,
      ...(wasUp ? { disconnectInfo: { ts: now, error: failure.reason } } : {}),
    });
  }

  #tell(
    kind: 'disconnect' | 'failure',
    { reason, data, deliberate = false }: { reason: string; data?: Record<string, unknown>; deliberate?: boolean },
    at: number,
  ): void {
    this.intake.record(kind, endData(this.#shared.definition, { kind, reason, data, deliberate }), at);
  }

  /** Ends the link in order, if there is one: what is on its way is stored and acknowledged first. */
  async #takeDown(why: string): Promise<void> {
    this.#cancel();
    this.#standby.end();
    const { link } = this.#dialer;
    await this.#dialer.drain();
    const lost = this.#dialer.link !== link;
    // What a loss meanwhile led to is off, and was told.
    this.#cancel();
    const ended = this.#dialer.end();
    if (lost && ended !== undefined) await this.#dialer.close(ended, false);
    if (lost || ended === undefined) return;
    const now = this.#shared.clock.epoch();
    this.#deafSince = now;
    this.#tell('disconnect', { reason: why, deliberate: true }, now);
    this.#observed.set({ state: 'disconnected', reason: why, evidence: undefined, disconnectInfo: { ts: now } });
  }

  /** Ends everything at once: nothing more is stored, acknowledged or told. */
  async #cut(): Promise<void> {
    this.#cancel();
    this.#standby.cut();
    const connection = this.#dialer.end();
    this.intake.abort();
    if (connection !== undefined) await this.#dialer.close(connection, false);
  }

  #later(ms: number, run: () => void): void {
    this.#cancel();
    this.#timer = this.#shared.wheel.after(ms, () => {
      this.#timer = undefined;
      run();
    });
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
