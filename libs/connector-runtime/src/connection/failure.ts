import { ConnectorError, type ConnectorErrorCode, type Definition, type LinkEnd } from '#lib/connector-sdk';
import type { ConnectionState } from '#lib/contracts';
import { EgressError } from '#lib/egress';
import { reconnectDelay } from '../time/backoff.ts';

/** Bad credentials and bad configuration are tried again after this, or at once with a new version or "retry now". */
const WAIT_FOR_USER_MS = 300_000;

/** What to say of a failure that a client library or the operating system reported: by its code only, as texts of others may quote what they were given. */
const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection Lost',
  EPIPE: 'Connection Lost',
  ETIMEDOUT: 'The host did not answer in time',
  EHOSTUNREACH: 'The host cannot be reached',
  ENETUNREACH: 'The network cannot be reached',
  ENOTFOUND: 'The host name has no address',
};

/** A failure as the runtime acts on it and people read it. */
export interface Failure {
  readonly code: ConnectorErrorCode;
  readonly reason: string;
  readonly retryAfterMs?: number;
  /** The provider's own facts of it, for the run of a trigger. */
  readonly data?: Record<string, unknown>;
}

/** What an attempt, a link or a send failed with. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ConnectorError) {
    const { retryAfterMs, data } = error.details;
    return {
      code: error.code,
      reason: error.message,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(data === undefined ? {} : { data }),
    };
  }
  if (error instanceof EgressError) return { code: error.code === 'egressForbidden' ? 'misconfigured' : 'lost', reason: error.message };
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return { code: 'lost', reason: SYSTEM[code] ?? 'Connection Lost' };
}

interface NextAttempt {
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
      return { state: 'unauthorized', delayMs: WAIT_FOR_USER_MS, attempts: 0, blamesHost: false };
    case 'misconfigured':
    case 'refused':
      return { state: 'misconfigured', delayMs: WAIT_FOR_USER_MS, attempts: 0, blamesHost: false };
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

/** `data` of the run that the end of a link, or a failure to make one, starts: in the type's own shape where it has one. */
export function endData(definition: Pick<Definition, 'endData'>, end: LinkEnd): Record<string, unknown> {
  if (definition.endData !== undefined) return definition.endData(end);
  return end.kind === 'disconnect' ? { disconnectReason: end.reason } : { failureReason: end.reason };
}
