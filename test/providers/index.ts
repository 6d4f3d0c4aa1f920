import type { IntegrationType } from '#lib/contracts';
import { azureEventHub } from './azure-event-hubs.ts';
import type { Driver } from './driver.ts';
import { googlePubSubEmulator } from './google-pubsub-emulator.ts';
import { googlePubSub } from './google-pubsub.ts';
import { mqtt } from './mqtt.ts';
import { particle } from './particle.ts';
import { sqs } from './sqs.ts';
import { websocket } from './websocket.ts';

const byType = { sqs, azureEventHub, googlePubSub, mqtt, particle, websocket } satisfies Record<IntegrationType, Driver>;

/** Every provider. */
export const drivers: readonly Driver[] = Object.values(byType);

/** The same, and for a provider whose own emulator this machine has, that in place of a server of ours. */
export const realDrivers: readonly Driver[] = Object.values({
  ...byType,
  ...(googlePubSubEmulator && { googlePubSub: googlePubSubEmulator }),
});
