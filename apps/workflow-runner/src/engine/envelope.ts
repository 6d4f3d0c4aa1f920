import type { TriggeredEvent, TriggerState } from '#lib/contracts';
import { IntegrationType } from '#lib/contracts';
import { definitionOf } from '#lib/connectors';
import type { Globals } from './globals.ts';

export interface Names {
  readonly applicationName: string;
  readonly flowName: string;
  /** Of a workflow that runs by its default version. */
  readonly flowVersion?: string | undefined;
}

/** The payload that a run starts with (REFERENCE §3, WORKFLOWS §4). `data` is made when something first asks for it: many runs never look at the body. */
export function envelope(event: TriggeredEvent, trigger: TriggerState, names: Names, globals: Globals): Record<string, unknown> {
  let data: unknown;
  let made = false;
  return {
    time: new Date(event.inbound.time),
    get data(): unknown {
      if (!made) {
        data = dataOf(event, trigger);
        made = true;
      }
      return data;
    },
    applicationId: event.applicationId,
    applicationName: names.applicationName,
    flowId: event.workflowId,
    flowName: names.flowName,
    ...(names.flowVersion === undefined ? {} : { flowVersion: names.flowVersion }),
    globals: globals.values,
    triggerId: event.triggerKey,
    triggerType: event.triggerType,
    ...relayOf(event),
  };
}

/** At most about how large the payload is, without decoding anything. */
export const envelopeSize = ({ body, inbound }: TriggeredEvent, globals: Globals): number =>
  body.byteLength * 2 + ATTRIBUTE_BYTES + inbound.sourceId.length + globals.size;
/** Attributes beyond 32 KB travel in the body. */
const ATTRIBUTE_BYTES = 40 * 1024;

function relayOf({ triggerType, inbound }: TriggeredEvent): { relayId?: string; relayType?: string } {
  if (triggerType === 'integration') return { relayId: inbound.sourceId, relayType: 'integration' };
  const { relayId, relayType } = inbound.attributes;
  if (typeof relayId !== 'string' || typeof relayType !== 'string') return {};
  return { relayId, relayType };
}

function dataOf(event: TriggeredEvent, trigger: TriggerState): unknown {
  const { inbound, body } = event;
  const { type, attributes } = inbound;
  if (type === 'timer') return {};
  if (type === 'flowError') return { errorInfo: attributes['errorInfo'], erroredPayload: attributes['erroredPayload'] };
  if (type === 'press') return pressData(attributes, body, trigger);
  if (type !== 'message') return { ...attributes, type };
  const known = IntegrationType.safeParse(inbound.sourceType);
  const made = known.success ? definitionOf(known.data).messageData?.({ attributes, body }) : undefined;
  return { ...(made ?? attributes), type };
}

/** What was sent with the press, else what the button holds: JSON text, where '' is {}. */
function pressData(attributes: Record<string, unknown>, body: Uint8Array, trigger: TriggerState): unknown {
  if (attributes['payload'] !== undefined) return attributes['payload'];
  if (body.byteLength > 0) return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()) as unknown;
  const text = trigger.meta?.['payload'];
  return typeof text === 'string' && text.trim() !== '' ? (JSON.parse(text) as unknown) : {};
}
