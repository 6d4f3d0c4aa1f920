import { ConnectorError, type ConnectorErrorCode } from '#lib/connector-sdk';

/** What an action needs to be allowed, as its permission is called. */
export type Action = 'sqs:ReceiveMessage' | 'sqs:DeleteMessage' | 'sqs:ChangeMessageVisibility' | 'sqs:SendMessage';

type Reason = readonly [ConnectorErrorCode, string];

const KEY: Reason = ['unauthorized', 'AWS does not know the access key: check accessKeyId.'];
const SIGNATURE: Reason = ['unauthorized', 'AWS refuses the signature: check secretAccessKey, and that it belongs to accessKeyId.'];
const EXPIRED: Reason = ['unauthorized', 'The access key has expired.'];
const NO_QUEUE: Reason = ['misconfigured', 'There is no such queue: check queueUrl and region.'];
const NOT_SQS: Reason = ['misconfigured', 'The server at queueUrl does not answer as SQS does: check queueUrl.'];
const SLOW: Reason = ['throttled', 'SQS limits how fast this queue is asked.'];
const CLOCK: Reason = ['lost', "This machine's clock differs from AWS's: set it."];
const KMS: Reason = ['misconfigured', 'The key that encrypts the queue cannot be used: check it in AWS KMS.'];

/** Codes as services answer them, without prefix: those of the query protocol and those of JSON. */
const REASONS: Readonly<Record<string, Reason>> = {
  InvalidClientTokenId: KEY,
  UnrecognizedClientException: KEY,
  InvalidAccessKeyId: KEY,
  SignatureDoesNotMatch: SIGNATURE,
  InvalidSignatureException: SIGNATURE,
  IncompleteSignature: SIGNATURE,
  IncompleteSignatureException: SIGNATURE,
  MissingAuthenticationToken: SIGNATURE,
  MissingAuthenticationTokenException: SIGNATURE,
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  RequestExpired: CLOCK,
  RequestTimeTooSkewed: CLOCK,
  OptInRequired: ['unauthorized', 'The AWS account is not signed up for SQS.'],
  InvalidSecurity: ['misconfigured', 'SQS wants an encrypted connection: queueUrl must begin with https://.'],
  NonExistentQueue: NO_QUEUE,
  QueueDoesNotExist: NO_QUEUE,
  QueueDeletedRecently: NO_QUEUE,
  InvalidAddress: NO_QUEUE,
  ResourceNotFoundException: NO_QUEUE,
  UnsupportedOperation: ['misconfigured', 'SQS does not support this with the queue.'],
  UnknownOperationException: NOT_SQS,
  InvalidAction: NOT_SQS,
  RequestThrottled: SLOW,
  Throttling: SLOW,
  ThrottlingException: SLOW,
  ThrottledException: SLOW,
  TooManyRequestsException: SLOW,
  RequestLimitExceeded: SLOW,
  SlowDown: SLOW,
  KmsThrottled: SLOW,
  OverLimit: ['throttled', 'Too many messages of the queue are received and not deleted yet.'],
  KmsAccessDenied: [
    'unauthorized',
    'The access key may not use the key that encrypts the queue: allow kms:Decrypt and kms:GenerateDataKey.',
  ],
  KmsDisabled: KMS,
  KmsInvalidKeyUsage: KMS,
  KmsInvalidState: KMS,
  KmsNotFound: KMS,
  KmsOptInRequired: KMS,
};

const DENIED: ReadonlySet<string> = new Set(['AccessDenied', 'AccessDeniedException', 'NotAuthorized', 'AuthorizationError']);

interface Answer {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly Code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number };
}

/** A link that broke, or fell silent: before an answer, or in the middle of one, whose status then says nothing. */
const isBroken = ({ name, code }: Answer): boolean => name === 'TimeoutError' || (typeof code === 'string' && /^E[A-Z]+$/.test(code));

/** HTTP status of an answer that was an error; undefined: there was no answer, or only the beginning of one. */
export function statusOf(error: unknown): number | undefined {
  if (isBroken(error as Answer)) return undefined;
  const { $metadata, $response } = error as Answer;
  return $metadata?.httpStatusCode ?? $response?.statusCode;
}

const bare = (code: unknown): string => (typeof code === 'string' ? code.replace(/^.*[#.]/, '') : '');

/** The service's own code for an error, without prefix: of the JSON protocol, else of the query protocol. */
export const codeOf = (error: unknown): string => bare((error as Answer).name);

export const isDenied = (error: unknown): boolean => DENIED.has(codeOf(error)) || DENIED.has(bare((error as Answer).Code));

/** Whether an error is about the queue, or what may be done with it: whoever gets it is known to the service. */
export const isAboutQueue = (error: unknown): boolean =>
  isDenied(error) || REASONS[codeOf(error)] === NO_QUEUE || REASONS[bare((error as Answer).Code)] === NO_QUEUE;

/** What an error of the client library means to whoever configured the queue. Never quotes what it doesn't know: texts of others may hold anything. */
export function reasonOf(error: unknown, action: Action): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const made = ([code, words]: Reason, beside = ''): ConnectorError => new ConnectorError(code, `${words}${beside}`, { cause: error });
  const status = statusOf(error);
  if (status === undefined) return unanswered(error);
  const { message = '', Code } = error as Answer;
  const code = codeOf(error);
  if (isDenied(error)) return made(['unauthorized', `The access key is not allowed ${action} on this queue.`]);
  const known = REASONS[code] ?? REASONS[bare(Code)];
  if (known === SIGNATURE && /expired|not yet current/i.test(message)) return made(CLOCK);
  if (known === SIGNATURE && /valid region/i.test(message)) return made(['misconfigured', "region is not the queue's: change it."]);
  if (known !== undefined) return made(known, ` (${code})`);
  if (status === 401 || status === 403) return made(['unauthorized', `SQS refuses the access key (${status}).`]);
  if (status === 429) return made(SLOW);
  if (status >= 500) return made(['lost', `SQS failed (${status}).`]);
  // An answer in the protocol of SQS bears a code; anything else is a server of another kind.
  if (status < 400 || !/^[A-Z]\w+$/.test(code) || /^(Unknown\w*|SyntaxError|Error)$/.test(code)) return made(NOT_SQS);
  return made(['misconfigured', `SQS refuses ${action} (${code}): check queueUrl.`]);
}

/** Whether an answer, if it is one, is in no protocol of SQS. */
export const isUnreadable = (error: unknown): boolean => reasonOf(error, 'sqs:ReceiveMessage').message === NOT_SQS[1];

function unanswered(cause: unknown): ConnectorError {
  const { name, code } = cause as Answer;
  if (typeof code === 'string' && code.startsWith('HPE_')) return new ConnectorError(NOT_SQS[0], NOT_SQS[1], { cause });
  // The client calls a reset a time-out too.
  if (name === 'TimeoutError' && (code === undefined || code === 'ETIMEDOUT'))
    return new ConnectorError('lost', 'Keepalive Timeout', { cause });
  return new ConnectorError('lost', `Connection Lost${isBroken(cause as Answer) ? ` (${String(code)})` : ''}`, { cause });
}
