import { z } from 'zod';

/** The keys of the six integration types, as they stand on the wire. */
export const IntegrationType = z.enum(['sqs', 'azureEventHub', 'googlePubSub', 'mqtt', 'particle', 'websocket']);
export type IntegrationType = z.infer<typeof IntegrationType>;

/** The name of a type's configuration object in an integration. */
export const configFieldOf = (type: IntegrationType): `${IntegrationType}Config` => `${type}Config`;
