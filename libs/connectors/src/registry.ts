import type { Definition } from '#lib/connector-sdk';
import type { IntegrationType } from '#lib/contracts';
import { azureEventHub } from './azure-event-hubs/definition.ts';
import { googlePubSub } from './google-pubsub/definition.ts';
import { mqtt } from './mqtt/definition.ts';
import { particle } from './particle/definition.ts';
import { sqs } from './sqs/definition.ts';
import { websocket } from './websocket/definition.ts';

/** Every provider, one line each. What they have in common is the interface; nothing else branches on a type. */
export const definitions = { sqs, azureEventHub, googlePubSub, mqtt, particle, websocket } satisfies Record<IntegrationType, Definition>;

/** The definition of a type, its configuration untyped. */
export const definitionOf = (type: IntegrationType): Definition => definitions[type];
