import { randomUUID } from 'node:crypto';
import type { InboundEvent, LiveKind, ConfigStates } from '#lib/contracts';
import type { ConfigChange } from '#lib/messaging';
import { APPLICATION, INTEGRATION } from './runs.ts';

/** A message as a connector stores it. */
export const inbound = (changes: Partial<InboundEvent> = {}): InboundEvent => ({
  type: 'message',
  id: randomUUID(),
  applicationId: APPLICATION,
  sourceId: INTEGRATION,
  sourceType: 'mqtt',
  time: '2026-11-25T07:30:00.000Z',
  configSequence: 0,
  attributes: { topic: 'in/a' },
  body: Buffer.from('21.5'),
  ...changes,
});

/** An event of the configuration; `state` null: a deletion. */
export const change = <K extends LiveKind>(
  kind: K,
  id: string,
  state: ConfigStates[K] | null,
  changes: Partial<ConfigChange<K>> = {},
): ConfigChange<K> => ({
  kind,
  type: kind === 'integration' ? 'mqtt' : '-',
  applicationId: kind === 'application' ? id : APPLICATION,
  id,
  event: 'Changed',
  epoch: 1,
  version: 1,
  eventPosition: 1,
  actor: { type: 'apiToken', id: 'test' },
  time: '2026-01-01T00:00:00.000Z',
  state,
  ...changes,
});
