import { newResourceId, type DeadLetter, type InboundEvent, type TriggeredEvent } from '#lib/contracts';
import { getRandomValues, randomUUID } from 'node:crypto';
import type { ConfigChange } from '../types.ts';

export const anId = (): string => newResourceId(Date.now(), getRandomValues);

export const anInbound = (over: Partial<InboundEvent> = {}): InboundEvent => ({
  type: 'message',
  id: randomUUID(),
  applicationId: anId(),
  sourceId: anId(),
  sourceType: 'mqtt',
  time: '2026-11-25T02:00:00.000Z',
  number: 1,
  configSequence: 7,
  attributes: { topic: 'a/b', qos: 1 },
  body: new TextEncoder().encode('{"t":1}'),
  ...over,
});

export const aTriggered = (over: Partial<TriggeredEvent> = {}): TriggeredEvent => {
  const { body, ...inbound } = anInbound(over.applicationId === undefined ? {} : { applicationId: over.applicationId });
  return {
    id: randomUUID(),
    applicationId: inbound.applicationId,
    workflowId: anId(),
    triggerType: 'mqtt',
    triggerKey: inbound.sourceId,
    inbound,
    inboundSequence: 12,
    decidedAt: 7,
    body,
    ...over,
  };
};

/** The same with its body as a plain byte array: the bus hands out whatever view it has. */
export function plain<T extends { body: Uint8Array }>(message: T | undefined): T {
  return { ...there(message), body: Uint8Array.from(there(message).body) };
}

export function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it is not there');
  return value;
}

/** A deletion when `state` is null. */
export const aChange = (over: Partial<ConfigChange> = {}): ConfigChange => {
  const applicationId = over.applicationId ?? anId();
  return {
    kind: 'application',
    type: '-',
    applicationId,
    id: applicationId,
    event: 'ApplicationUpdated',
    epoch: 1,
    version: 1,
    eventPosition: 1,
    actor: { type: 'apiToken', id: anId() },
    time: '2026-11-25T02:00:00.000Z',
    state: {
      id: applicationId,
      name: 'Wärme',
      globals: [],
      secretGlobals: [],
      limits: { messagesPerSecond: 20, burst: 20, payloads: 0, period: 'month' },
      creationDate: '2026-11-25T02:00:00.000Z',
      lastUpdated: '2026-11-25T02:00:00.000Z',
    },
    ...over,
  };
};

export const aDeadLetter = (over: Partial<DeadLetter> = {}): DeadLetter => ({
  id: randomUUID(),
  time: '2026-11-25T02:00:00.000Z',
  applicationId: anId(),
  sourceId: anId(),
  stage: 'run',
  reason: 'attempts',
  message: 'failed five times',
  attributes: {},
  size: 2,
  sha256: '0'.repeat(64),
  body: 'e30=',
  truncated: false,
  ...over,
});
