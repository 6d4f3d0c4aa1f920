import type { IntegrationType } from '#lib/contracts';
import { azureEventHub } from './azure-event-hubs.ts';
import type { Driver } from './driver.ts';
import { googlePubSub } from './google-pubsub.ts';
import { mqtt } from './mqtt.ts';
import { particle } from './particle.ts';
import { sqs } from './sqs.ts';
import { websocket } from './websocket.ts';

const byType = { sqs, azureEventHub, googlePubSub, mqtt, particle, websocket } satisfies Record<IntegrationType, Driver>;

/** Every provider. */
export const drivers: readonly Driver[] = Object.values(byType);
