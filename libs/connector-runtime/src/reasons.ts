import { ConnectorError, type Definition, type LinkEnd } from '#lib/connector-sdk';
import { EgressError } from '#lib/egress';
import type { Failure } from './backoff.ts';

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

/** `data` of the run that the end of a link, or a failure to make one, starts: in the type's own shape where it has one. */
export function endData(definition: Pick<Definition, 'endData'>, end: LinkEnd): Record<string, unknown> {
  if (definition.endData !== undefined) return definition.endData(end);
  return end.kind === 'disconnect' ? { disconnectReason: end.reason } : { failureReason: end.reason };
}
