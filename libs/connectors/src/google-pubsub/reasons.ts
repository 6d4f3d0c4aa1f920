import { status } from '@grpc/grpc-js';
import { ConnectorError } from '#lib/connector-sdk';

/** What Google's error says of itself. */
interface CallFailure {
  readonly code: number | undefined;
  /** google.rpc.ErrorInfo's, as SERVICE_DISABLED. */
  readonly reason: string | undefined;
}

export function failureOf(error: unknown): CallFailure {
  const { code, reason } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  return { code: typeof code === 'number' ? code : undefined, reason: typeof reason === 'string' ? reason : undefined };
}

export const hasCode = (error: unknown, code: status): boolean => failureOf(error).code === code;

/** `doing`: what was tried, as it goes on after "may not" and "could not". `missing`: what a "not found" means. */
export interface Attempt {
  readonly projectId: string;
  readonly doing: string;
  readonly missing: string;
}

/** What a call's failure means to whoever configured the integration. Google's own words are not passed on. */
export function callError(error: unknown, { projectId, doing, missing }: Attempt): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const { code, reason } = failureOf(error);
  const made = (kind: ConnectorError['code'], message: string): ConnectorError => new ConnectorError(kind, message, { cause: error });
  if (reason === 'SERVICE_DISABLED') return made('misconfigured', `The Pub/Sub API is not enabled in the project ${projectId}.`);
  if (reason === 'CONSUMER_INVALID') return made('misconfigured', `There is no project ${projectId}, or the key has no part in it.`);
  switch (code) {
    case status.UNAUTHENTICATED:
      return made(
        'unauthorized',
        'Unauthorized: Google refuses the key. Is it deleted or disabled, or is the clock of this machine wrong?',
      );
    case status.PERMISSION_DENIED:
      return made(
        'unauthorized',
        `Unauthorized: the service account may not ${doing}. Give it the role Pub/Sub Editor in the project ${projectId}.`,
      );
    case status.NOT_FOUND:
      return made('misconfigured', missing);
    case status.INVALID_ARGUMENT:
    case status.FAILED_PRECONDITION:
    case status.OUT_OF_RANGE:
      return made('misconfigured', `Google could not ${doing}: check the names of topics and project (${status[code]}).`);
    case status.RESOURCE_EXHAUSTED:
      return made('throttled', `A quota of the project ${projectId} is used up (RESOURCE_EXHAUSTED).`);
    case status.DEADLINE_EXCEEDED:
      return made('lost', 'Pub/Sub did not answer in time.');
    default:
      return made('lost', `Pub/Sub could not ${doing}${code === undefined ? '' : ` (${status[code] ?? code})`}.`);
  }
}
