import { type Connection, ConnectorError } from '#lib/connector-sdk';
import type { SendReply, SendRequest, StatusRecord } from '#lib/contracts';
import { type Failure, STABLE_MS, afterFailure } from './backoff.ts';
import { within } from './deadline.ts';
import type { Wanted } from './desired.ts';
import type { Pass } from './host-gate.ts';
import { Intake, type Rate } from './intake.ts';
import { Link, type LinkOwner } from './link.ts';
import { Observed } from './observed.ts';
import { Outbox } from './outbox.ts';
import { failureOf } from './reasons.ts';
import type { Rendered, Unrenderable } from './rendering.ts';
import type { Identity } from './identity.ts';
import type { HeldPartition, Shared } from './shared.ts';
import type { Timer } from './wheel.ts';

/** From the dial to the last proof (every SUBACK): a host that keeps silent is no connection. */
const CONNECT_DEADLINE_MS = 10_000;
/** What is on its way to the bus gets this long before a link is closed in order … */
const QUIET_MS = 3_000;
/** … and the provider this long to close it. */
const CLOSE_MS = 6_000;
/** What can't be had again, and the word that the link is gone, get this long to be stored. */
const FINISH_MS = 4_000;

export interface SupervisorOptions {
  readonly of: Identity;
  readonly partition: HeldPartition;
  /** What is wanted now; undefined: deleted. */
  readonly wanted: () => Wanted | undefined;
  readonly render: (wanted: Wanted) => Promise<Rendered | Unrenderable>;
  readonly limits: Rate;
  /** What the holder before us wrote. */
  readonly previous: StatusRecord | undefined;
}

/**
 * Runs one integration's lifecycle: idle (disabled or not renderable) → waiting (for the next attempt) → queued (at its host) → connecting → up. It alone
 * decides when to connect, and everything it decides follows from what is wanted and what the link says.
 */
export class Supervisor implements LinkOwner {
  readonly of: Identity;
  readonly partition: HeldPartition;
  readonly intake: Intake;
  readonly outbox: Outbox;
  readonly #shared: Shared;
  readonly #options: SupervisorOptions;
  readonly #observed: Observed;
  #phase: 'idle' | 'waiting' | 'queued' | 'connecting' | 'up' = 'idle';
  #link: Link | undefined;
  #rendered: Pick<Rendered, 'fingerprint' | 'host' | 'delivery'> | undefined;
  #version = 0;
  #pass: Pass | undefined;
  #timer: Timer | undefined;
  #attempts = 0;
  #dirty = false;
  #converging = false;
  #stopped = false;
  /** Epoch ms since when nothing is heard of a source that can't deliver again. */
  #deafSince: number | undefined;
  #told: string | undefined;

  constructor(shared: Shared, options: SupervisorOptions) {
    this.of = options.of;
    this.partition = options.partition;
    this.#shared = shared;
    this.#options = options;
    this.#observed = new Observed(shared, options.of, options.previous);
    this.intake = new Intake(shared, options.of, options.partition, options.limits, {
      onHeld: (held) => this.#link?.flow(held),
      incarnation: () => this.#rendered?.host ?? '-',
    });
    this.outbox = new Outbox(shared, options.of, () => this.#link?.connection);
    this.#takeOver(options.previous);
  }

  /** What is wanted, or what it renders to, may have changed. */
  changed(): void {
    this.#dirty = true;
    if (!this.#converging) void this.#converge();
  }

  /** Tries at once, whatever the back-off says. False: it is disabled or connected. */
  retry(): boolean {
    if (this.#stopped || (this.#phase !== 'waiting' && this.#phase !== 'idle') || this.#options.wanted()?.state.enabled !== true)
      return false;
    this.#attempts = 0;
    this.#rendered = undefined;
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

  lost(link: Link, error: Error): void {
    if (link !== this.#link) return;
    const { connection } = link;
    this.#link = undefined;
    if (connection === undefined) link.abandon();
    else {
      this.#shared.metrics.links.dec();
      this.#deafSince = link.provenAt;
      if (this.#shared.clock.monotonic() - link.upSince >= STABLE_MS) this.#attempts = 0;
      void this.#close(connection, false);
    }
    this.#leave();
    this.intake.letGo();
    this.#failed(failureOf(error), connection !== undefined);
  }

  /** The partition goes: `lost` at once and without a word; `released` in order, telling what became of the link. */
  async stop(why: 'lost' | 'released'): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.outbox.stop();
    if (why === 'lost') {
      this.intake.abort();
      this.#observed.drop();
      this.#cancel();
      const connection = this.#endLink();
      if (connection !== undefined) await this.#close(connection, false);
      return;
    }
    await this.#takeDown('The connector stopped', true);
    await within(this.#shared.wheel, FINISH_MS, this.intake.drain(), () => undefined);
    this.intake.abort();
    if (this.#observed.state !== undefined && this.#observed.state !== 'disabled') this.#observed.set({ nextAttempt: undefined });
  }

  /** The integration is deleted: nothing of it stays here, and its status goes. */
  async remove(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.outbox.stop();
    this.#cancel();
    const connection = this.#endLink();
    if (connection !== undefined) await this.#close(connection, false);
    await within(this.#shared.wheel, QUIET_MS, this.intake.drain(), () => undefined);
    this.intake.abort();
    this.#observed.purge();
  }

  #takeOver(previous: StatusRecord | undefined): void {
    if (previous === undefined) return;
    if (previous.state === 'connected') {
      // Its holder would have said otherwise had it been able to: it died.
      const at = this.partition.deadSince ?? previous.evidence?.at ?? previous.since;
      this.#deafSince = at;
      this.intake.record('disconnect', { disconnectReason: 'The connector died' }, at);
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
        this.#shared.log.error(
          { err: error, integration: this.of.integrationId },
          'an integration could not be brought to its configuration',
        );
        this.#failed({ code: 'lost', reason: 'An unexpected error' }, false);
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
      this.#rendered = undefined;
      this.#deafSince = undefined;
      this.#version = version;
      this.#observed.set({ state: 'disabled', reason: undefined, nextAttempt: undefined, evidence: undefined, appliedVersion: version });
      return;
    }
    const rendered = await this.#render(wanted);
    if (rendered === undefined || this.#dirty || this.#stopped) return;
    if (!rendered.ok) {
      await this.#takeDown('The configuration cannot be used');
      this.#rendered = undefined;
      this.#version = version;
      this.#failed({ code: 'misconfigured', reason: rendered.reason }, false);
      return;
    }
    const held = this.#phase === 'waiting' && (this.#observed.state === 'misconfigured' || this.#observed.state === 'unauthorized');
    const same = rendered.fingerprint === this.#rendered?.fingerprint && this.#phase !== 'idle' && !(held && version !== this.#version);
    this.#version = version;
    if (same) {
      this.#observed.set({ appliedVersion: version });
      return;
    }
    await this.#takeDown('The configuration changed');
    if (this.#stopped) return;
    this.#rendered = rendered;
    this.#attempts = 0;
    this.#told = undefined;
    this.#observed.set({ state: 'connecting', reason: undefined, nextAttempt: undefined, evidence: undefined, appliedVersion: version });
    this.#begin();
  }

  /** Undefined: it could not be rendered now, and is tried again. */
  async #render(wanted: Wanted): Promise<Rendered | Unrenderable | undefined> {
    try {
      return await this.#options.render(wanted);
    } catch (error) {
      if (this.#stopped) return undefined;
      this.#shared.log.warn({ err: error, integration: this.of.integrationId }, 'a configuration could not be rendered now');
      if (this.#phase === 'idle' || this.#phase === 'waiting')
        this.#failed({ code: 'lost', reason: 'The keys of its secrets cannot be had now' }, false);
      else this.#timer = this.#shared.wheel.after(5_000, () => this.changed());
      return undefined;
    }
  }

  #begin(): void {
    this.#phase = 'queued';
    this.#pass = this.#shared.gate.enter(this.#rendered?.host ?? this.#shared.type, (pass) => {
      this.#pass = pass;
      void this.#attempt(pass);
    });
  }

  async #attempt(pass: Pass): Promise<void> {
    this.#phase = 'connecting';
    const wanted = this.#options.wanted();
    // Rendered anew for each attempt, so that no secret lies in clear between them.
    const rendered = wanted === undefined ? undefined : await this.#render(wanted);
    if (pass.cancelled || this.#stopped) return;
    if (rendered?.ok !== true) {
      this.#leave();
      this.#phase = 'idle';
      if (rendered !== undefined) this.changed();
      return;
    }
    const link = new Link(this.#shared, this.of, this.intake, this, rendered.delivery === 'at-least-once');
    this.#link = link;
    const deadline = this.#shared.wheel.after(CONNECT_DEADLINE_MS, () =>
      link.lost(new ConnectorError('lost', `No connection within ${CONNECT_DEADLINE_MS / 1000} s`)),
    );
    try {
      const connection = await this.#shared.provider.connect(rendered.config, link);
      if (this.#link === link) this.#up(link, connection);
      else await this.#close(connection, false);
    } catch (error) {
      link.lost(error instanceof Error ? error : new Error('the attempt failed'));
    } finally {
      deadline.cancel();
    }
  }

  #up(link: Link, connection: Connection): void {
    const now = this.#shared.clock.epoch();
    this.#phase = 'up';
    this.#leave();
    link.up(connection);
    this.#told = undefined;
    this.#shared.metrics.attempts.inc({ outcome: 'connected' });
    this.#shared.metrics.links.inc();
    if (this.#deafSince !== undefined && this.#rendered?.delivery === 'at-most-once')
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

  #failed(failure: Failure, wasUp: boolean): void {
    if (this.#stopped) return;
    this.#cancel();
    const now = this.#shared.clock.epoch();
    const next = afterFailure(failure, this.#attempts, this.#shared.clock.random());
    this.#attempts = next.attempts;
    this.#shared.metrics.attempts.inc({ outcome: wasUp ? 'dropped' : failure.code });
    if (next.blamesHost && this.#rendered !== undefined) this.#shared.gate.blame(this.#rendered.host);
    if (wasUp) this.intake.record('disconnect', { disconnectReason: failure.reason }, now);
    // Of an outage each reason is told once, not each attempt.
    else if (this.#told !== failure.reason) this.intake.record('failure', { failureReason: failure.reason }, now);
    this.#told = failure.reason;
    this.#phase = 'waiting';
    this.#timer = this.#shared.wheel.after(next.delayMs, () => this.#again());
    this.#observed.set({
      state: next.state,
      reason: failure.reason,
      nextAttempt: Math.round(now + next.delayMs),
      appliedVersion: this.#version,
      evidence: undefined,
      ...(wasUp ? { disconnectInfo: { ts: now, error: failure.reason } } : {}),
    });
  }

  #again(): void {
    if (this.#stopped) return;
    if (this.#rendered !== undefined) this.#begin();
    else {
      this.#phase = 'idle';
      this.changed();
    }
  }

  /** Ends the link in order, if there is one: what is on its way is stored and acknowledged first. */
  async #takeDown(why: string, stopping = false): Promise<void> {
    this.#cancel();
    const link = this.#link;
    const connection = link?.connection;
    if (link !== undefined && connection !== undefined) {
      link.stopReading();
      await within(this.#shared.wheel, QUIET_MS, this.intake.quiet(), () => undefined);
      const closed = this.#close(connection, true);
      this.intake.letGo();
      if (!stopping) this.intake.resume();
      await closed;
    }
    if (link !== this.#link) return; // lost meanwhile, and told
    this.#phase = 'idle';
    if (this.#endLink() === undefined) return;
    const now = this.#shared.clock.epoch();
    this.#deafSince = now;
    this.intake.record('disconnect', { disconnectReason: why }, now);
    this.#observed.set({ state: 'disconnected', reason: why, evidence: undefined, disconnectInfo: { ts: now } });
  }

  /** Drops the link or the attempt; the connection, to be closed. */
  #endLink(): Connection | undefined {
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return undefined;
    if (link.connection === undefined) link.abandon();
    else {
      link.end();
      this.#shared.metrics.links.dec();
    }
    return link.connection;
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#leave();
    if (this.#link !== undefined && this.#link.connection === undefined) {
      this.#endLink();
      this.#phase = 'idle';
    }
  }

  #leave(): void {
    if (this.#pass !== undefined) this.#shared.gate.leave(this.#pass);
    this.#pass = undefined;
  }

  async #close(connection: Connection, drain: boolean): Promise<void> {
    try {
      await within(this.#shared.wheel, CLOSE_MS, connection.close({ drain }), () => undefined);
    } catch (error) {
      this.#shared.log.warn({ err: error, integration: this.of.integrationId }, 'a connection did not close in order');
    }
  }
}
