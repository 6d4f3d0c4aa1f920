import type { ConnectorErrorCode } from '#lib/connector-sdk';
import type { ConnectionState } from '#lib/contracts';

const RECONNECT_CAP_MS = 25_000;
const RECONNECT_BASE_MS = 1_000;
/** Bad credentials and bad configuration are tried again after this, or at once with a new version or "retry now". */
export const WAIT_MS = 300_000;
/** A link that stood this long was fine: its next loss starts from the beginning. */
export const STABLE_MS = 60_000;

/** Full jitter: random(0, min(25 s, 1 s · 2^n)); n counts from 0. */
export const reconnectDelay = (attempt: number, random: number): number =>
  random * Math.min(RECONNECT_CAP_MS, RECONNECT_BASE_MS * 2 ** Math.min(attempt, 10));

/** Between tries to send as somebody who was refused: 1 s doubling up to 25 s, half of it jitter; n counts from 0. */
export const guestDelay = (attempt: number, random: number): number =>
  Math.min(RECONNECT_CAP_MS, RECONNECT_BASE_MS * 2 ** Math.min(attempt, 10)) * (0.5 + random / 2);

/** Between tries at the bus: 100 ms doubling up to 2 s, half of it jitter. */
export const busDelay = (attempt: number, random: number): number => Math.min(2_000, 100 * 2 ** Math.min(attempt, 10)) * (0.5 + random / 2);

export interface Failure {
  readonly code: ConnectorErrorCode;
  readonly reason: string;
  readonly retryAfterMs?: number;
  /** The provider's own facts of it, for the run of a trigger. */
  readonly data?: Record<string, unknown>;
}

export interface NextAttempt {
  readonly state: ConnectionState;
  readonly delayMs: number;
  /** Failed attempts in a row, for the next delay. */
  readonly attempts: number;
  /** The host, not this integration, is to blame: see HostGate. */
  readonly blamesHost: boolean;
}

/** What follows a failed attempt or a lost link. */
export function afterFailure(failure: Failure, attempts: number, random: number): NextAttempt {
  switch (failure.code) {
    case 'unauthorized':
      return { state: 'unauthorized', delayMs: WAIT_MS, attempts: 0, blamesHost: false };
    case 'misconfigured':
    case 'refused':
      return { state: 'misconfigured', delayMs: WAIT_MS, attempts: 0, blamesHost: false };
    case 'throttled':
      return {
        state: 'throttled',
        // A provider that names a time gets a little more, so that not all of its callers return in the same instant.
        delayMs: failure.retryAfterMs === undefined ? reconnectDelay(attempts + 2, random) : failure.retryAfterMs * (1 + random / 10),
        attempts: attempts + 1,
        blamesHost: false,
      };
    default:
      return { state: 'disconnected', delayMs: reconnectDelay(attempts, random), attempts: attempts + 1, blamesHost: true };
  }
}
