import { ConnectorError } from '#lib/connector-sdk';
import type { Target } from './target.ts';

/** The client's code of a failure: `UnauthorizedError`, …; of several tries, the last one's. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { errors, code } = error as { errors?: unknown; code?: unknown };
  if (Array.isArray(errors) && errors.length > 0) return codeOf(errors.at(-1));
  return typeof code === 'string' ? code : error instanceof Error ? error.name : '';
}

/** What the service says of itself; it names hubs and claims, and no key. Only looked at, never passed on. */
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : '');

/** `doing`: as it goes on after "may not" and "could not". */
export interface Attempt {
  readonly target: Pick<Target, 'hub' | 'consumerGroup' | 'access'>;
  readonly doing: 'read the hub' | 'receive from the hub' | 'send to the hub';
}

/** What a failure of the client means to whoever configured the integration. The service's own words are not passed on. */
export function reasonOf(error: unknown, { target, doing }: Attempt): ConnectorError {
  if (error instanceof ConnectorError) return error;
  const { hub, consumerGroup } = target;
  const code = codeOf(error);
  const made = (kind: ConnectorError['code'], message: string): ConnectorError => new ConnectorError(kind, message, { cause: error });
  switch (code) {
    case 'UnauthorizedError':
      return made('unauthorized', refusalOf(wordsOf(error), target));
    case 'MessagingEntityNotFoundError':
    case 'ServiceCommunicationError':
      return doing === 'receive from the hub'
        ? made(
            'misconfigured',
            `There is no consumer group ${consumerGroup} in the hub ${hub}, or the hub is gone: create it, or correct consumerGroup.`,
          )
        : made('misconfigured', `There is no hub ${hub} in the namespace: create it, or correct hubName.`);
    case 'MessagingEntityDisabledError':
      return made('misconfigured', `The hub ${hub} is disabled: enable it.`);
    case 'ReceiverDisconnectedError':
      return made(
        'misconfigured',
        `Another reader took a partition of the consumer group ${consumerGroup}: give this integration one of its own.`,
      );
    case 'QuotaExceededError':
      return made(
        'misconfigured',
        `The consumer group ${consumerGroup} has as many readers as it may have: give this integration one of its own.`,
      );
    case 'ArgumentError':
    case 'ArgumentOutOfRangeError':
      return made('misconfigured', `The hub ${hub} does not know where it was read last: name another consumer group, to begin anew.`);
    case 'ServerBusyError':
      return made('throttled', 'Event Hubs asks for less: the namespace has too few throughput units.');
    case 'OperationTimeoutError':
    case 'ServiceUnavailableError':
      return made('lost', 'Event Hubs did not answer in time.');
    default:
      return made('lost', `Event Hubs could not ${doing}${/^[A-Za-z]+Error$/.test(code) ? ` (${code})` : ''}.`);
  }
}

/** Whether a failure is about the hub, or what may be done with it: whoever gets it is known to the service. */
export const isAboutHub = (error: unknown): boolean =>
  /^(MessagingEntity|ServiceCommunication)/.test(codeOf(error)) ||
  (codeOf(error) === 'UnauthorizedError' && /'\w+' claim/.test(wordsOf(error)));

function refusalOf(words: string, { hub, access }: Attempt['target']): string {
  const [, claim] = /'(Listen|Send|Manage)' claim/.exec(words) ?? [];
  if (claim !== undefined)
    return `The key may not ${claim === 'Send' ? 'send to' : 'read'} the hub ${hub}: its policy needs the right ${claim}.`;
  if ('signature' in access)
    return words.startsWith('ExpiredToken')
      ? 'The SharedAccessSignature has expired: make a new one, or use a key.'
      : 'Event Hubs refuses the SharedAccessSignature: check it, and which hub it is for.';
  if (words.startsWith('ExpiredToken')) return "Event Hubs takes the token for expired: set this machine's clock.";
  return `Event Hubs refuses the key of the policy ${access.name}: check SharedAccessKeyName and SharedAccessKey, or the service credential.`;
}
