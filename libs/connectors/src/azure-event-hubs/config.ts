import { z } from 'zod';
import { text } from '../fields.ts';

export const AzureEventHubConfig = z.strictObject({
  hubName: text(1, 256, { title: 'Event hub', description: 'Name of the hub.', template: true }),
  consumerGroup: text(1, 256, {
    title: 'Consumer group',
    description: 'As $Default. Use one that nothing else reads with.',
    template: true,
  }),
  hostName: text(1, 256, {
    title: 'Host name',
    description: 'Of the namespace, as my-namespace.servicebus.windows.net. With a service credential.',
    template: true,
  }).optional(),
  connectionString: text(1, 1024, {
    title: 'Connection string',
    description: 'Of the namespace or the hub, with the rights Send and Listen. Instead of a service credential.',
    template: true,
    secret: true,
  }).optional(),
});
export type AzureEventHubConfig = z.output<typeof AzureEventHubConfig>;

/** As a connection gets it: a service credential's fields stand under `credential`. */
export type ResolvedAzureEventHubConfig = AzureEventHubConfig & {
  readonly credential?: { readonly account?: string | undefined; readonly accountKey: string } | undefined;
};

/** Azure's limit for a partition key, characters. */
const MAX_PARTITION_KEY = 128;

/** Options of one send. */
export const AzureEventHubSend = z.strictObject({
  partitionKey: z.string().min(1).max(MAX_PARTITION_KEY).optional(),
  properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
});
export type AzureEventHubSend = z.infer<typeof AzureEventHubSend>;
