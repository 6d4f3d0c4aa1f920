/**
 * conflict: another event was appended to the stream meanwhile: load and decide again. missing: an aggregate that must exist does not (any more).
 * repeated: the idempotency key has an outcome already, which the error carries. unreadable: a stored event has a version this program cannot lift.
 */
export type EventStoreErrorCode = 'conflict' | 'missing' | 'repeated' | 'unreadable';

export class EventStoreError extends Error {
  constructor(
    readonly code: EventStoreErrorCode,
    message: string,
    options?: { cause?: unknown; outcome?: unknown },
  ) {
    super(message, options);
    this.name = 'EventStoreError';
    this.outcome = options?.outcome;
  }
  /** Of `repeated`: what was kept with the key. */
  readonly outcome: unknown;
}

/** SQLSTATE of a failed query, however deep TypeORM wraps it. */
function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  if (driverError !== undefined && driverError !== error) return sqlState(driverError);
  return typeof code === 'string' ? code : undefined;
}

const UNIQUE_VIOLATION = '23505';
export const isUniqueViolation = (error: unknown): boolean => sqlState(error) === UNIQUE_VIOLATION;
