import { createHash } from 'node:crypto';

/** Google's limit for the name of a subscription. */
const MAX_NAME = 255;
const HASH_LENGTH = 16;
/** On every subscription of ours; its value is the integration's id. */
const OWNER_LABEL = 'sluice-integration';

/** What the names of all subscriptions of an integration begin with. */
export const subscriptionPrefix = (integrationId: string): string => `sluice-${integrationId}-`;

/** Name of our subscription to a topic: the same after every restart. One that would be too long ends in a hash instead. */
export function subscriptionName(integrationId: string, topic: string): string {
  const name = `${subscriptionPrefix(integrationId)}${topic}`;
  if (name.length <= MAX_NAME) return name;
  const hash = createHash('sha256').update(topic).digest('hex').slice(0, HASH_LENGTH);
  return `${name.slice(0, MAX_NAME - HASH_LENGTH - 1)}-${hash}`;
}

/** `t` of projects/p/topics/t. */
export const bareName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

type Labels = Readonly<Record<string, string>>;

export const hasOwner = (labels: Labels | null | undefined): labels is Labels => labels?.[OWNER_LABEL] !== undefined;

export const ownerLabels = (integrationId: string): Record<string, string> => ({ [OWNER_LABEL]: integrationId.toLowerCase() });

/** Whether a subscription is one that we made for this integration: nothing else is ever used or removed. */
export function isOurs(integrationId: string, name: string, labels: Labels | null | undefined): boolean {
  return name.startsWith(subscriptionPrefix(integrationId)) && labels?.[OWNER_LABEL] === integrationId.toLowerCase();
}
