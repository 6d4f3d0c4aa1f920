import { type ApiError, type ErrorType, type FieldIssue, type Reply, validationError } from '#lib/contracts';
import { DomainError } from '#lib/domain';
import { EventStoreError } from '#lib/event-sourcing';
import type { Logger } from '#lib/platform';

/** A refusal in the API's own words. */
export class Failure extends Error {
  constructor(readonly error: ApiError) {
    super(error.message);
    this.name = 'Failure';
  }
}

export const failure = (type: ErrorType, message: string): Failure => new Failure({ type, message });
export const invalid = (issues: readonly FieldIssue[]): Failure => new Failure(validationError(issues));

const AWAY: ApiError = { type: 'Unavailable', message: 'The configuration can not be read or changed just now: try again.' };

/** Maps what a handler threw. Whatever is no refusal means that a store is away, or is a mistake of ours: nothing of it reaches the caller. */
export function replyOf(error: unknown, log: Logger, subject: string): Reply {
  if (error instanceof Failure) return { ok: false, error: error.error };
  if (error instanceof DomainError)
    return error.code === 'notFound'
      ? { ok: false, error: { type: 'NotFound', message: error.message } }
      : { ok: false, error: validationError(error.issues) };
  if (error instanceof EventStoreError && error.code === 'conflict')
    return { ok: false, error: { type: 'Conflict', message: 'It was changed by others at the same time: try again.' } };
  if (error instanceof EventStoreError && error.code === 'missing')
    return { ok: false, error: { type: 'NotFound', message: error.message } };
  log.error({ err: error, subject }, 'a command or query failed');
  return { ok: false, error: AWAY };
}
