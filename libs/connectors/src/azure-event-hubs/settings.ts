/** Of the events that are in a hub already: none, or all. */
export type Start = 'latest' | 'earliest';

/** Where a hub and consumer group that are new to an integration are read from: `SLUICE_EVENT_HUBS_START`, set by the operator. Throws, naming the setting. */
export function startOf({ SLUICE_EVENT_HUBS_START: text = '' }: Readonly<Record<string, string | undefined>>): Start {
  if (text === '') return 'latest';
  if (text !== 'latest' && text !== 'earliest') throw new Error('SLUICE_EVENT_HUBS_START must be latest or earliest');
  return text;
}
