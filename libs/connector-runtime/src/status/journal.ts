import type { Connection } from '#lib/connector-sdk';
import type { ConnectionState, StatusRecord } from '#lib/contracts';
import type { Blueprint } from '../connection/blueprint.ts';
import type { Intake } from '../inbound/intake.ts';
import type { Link } from '../connection/link.ts';
import type { Observed } from './observed.ts';
import { type Failure, endData } from '../connection/failure.ts';
import type { Shared } from '../shared.ts';

/** What is to follow a failure. */
interface Next {
  readonly state: ConnectionState;
  /** Epoch ms. */
  readonly nextAttempt: number;
  readonly version: number;
}

/** What becomes of one integration's connection, as people see it in the status and as workflows are told it: connects, disconnects, failures and gaps. */
export class Journal {
  readonly #shared: Shared;
  readonly #intake: Intake;
  readonly #observed: Observed;
  /** Epoch ms since when nothing is heard of the source: a gap, if it can't deliver again. */
  #deafSince: number | undefined;
  /** The reason that was told last in this outage. */
  #told: string | undefined;

  constructor(shared: Shared, intake: Intake, observed: Observed) {
    this.#shared = shared;
    this.#intake = intake;
    this.#observed = observed;
  }

  /** Goes on where the holder before us ended. `deadSince`: epoch ms when it was last seen, if it died. */
  takeOver(previous: StatusRecord | undefined, deadSince: number | undefined): void {
    if (previous === undefined) return;
    if (previous.state === 'connected') {
      // Its holder would have said otherwise had it been able to: it died.
      const at = deadSince ?? previous.evidence?.at ?? previous.since;
      this.#deafSince = at;
      this.#tell('disconnect', { reason: 'The connector died' }, at);
    } else if (previous.state !== 'disabled' && previous.connectInfo !== undefined)
      this.#deafSince = previous.disconnectInfo?.ts ?? previous.since;
  }

  connecting(version: number): void {
    this.#observed.set({ state: 'connecting', reason: undefined, nextAttempt: undefined, evidence: undefined, appliedVersion: version });
  }

  connected(link: Link, { connectData }: Connection, blueprint: Blueprint | undefined): void {
    const now = this.#shared.clock.epoch();
    this.#told = undefined;
    if (this.#deafSince !== undefined && blueprint?.delivery === 'at-most-once')
      this.#intake.gap(this.#deafSince, now, 'The link was down.');
    this.#deafSince = undefined;
    this.#intake.record('connect', connectData, now);
    this.#observed.set({ ...up(link.proof, now), connectInfo: { ts: now } });
  }

  /** Another link is up before the old one ended: no workflow hears of it. */
  changedOver(link: Link | undefined, version: number): void {
    this.#observed.set({ ...up(link?.proof ?? 'connected', this.#shared.clock.epoch()), appliedVersion: version });
  }

  /** An attempt failed, or `wasUp` was lost. Of an outage each reason is told once, not each attempt. */
  failed(failure: Failure, wasUp: Link | undefined, { state, nextAttempt, version }: Next): void {
    const now = this.#shared.clock.epoch();
    const { reason } = failure;
    if (wasUp !== undefined) {
      this.#deafSince = wasUp.provenAt;
      this.#tell('disconnect', failure, now);
    } else if (this.#told !== reason) this.#tell('failure', failure, now);
    this.#told = reason;
    const lost = wasUp === undefined ? {} : { disconnectInfo: { ts: now, error: reason } };
    this.#observed.set({ state, reason, nextAttempt, appliedVersion: version, evidence: undefined, ...lost });
  }

  /** We closed it. */
  closed(reason: string): void {
    const now = this.#shared.clock.epoch();
    this.#deafSince = now;
    this.#tell('disconnect', { reason, deliberate: true }, now);
    this.#observed.set({ state: 'disconnected', reason, evidence: undefined, disconnectInfo: { ts: now } });
  }

  /** Nobody listens any more: what is missed from now on is no gap. */
  disabled(version: number): void {
    this.#deafSince = undefined;
    this.#observed.set({ state: 'disabled', reason: undefined, nextAttempt: undefined, evidence: undefined, appliedVersion: version });
  }

  /** How the next attempt fails is told, whatever was told before. */
  tellAgain(): void {
    this.#told = undefined;
  }

  #tell(
    kind: 'disconnect' | 'failure',
    { reason, data, deliberate = false }: { reason: string; data?: Record<string, unknown>; deliberate?: boolean },
    at: number,
  ): void {
    this.#intake.record(kind, endData(this.#shared.definition, { kind, reason, data, deliberate }), at);
  }
}

const up = (proof: string, at: number) =>
  ({ state: 'connected', reason: undefined, nextAttempt: undefined, evidence: { kind: proof, at } }) as const;
