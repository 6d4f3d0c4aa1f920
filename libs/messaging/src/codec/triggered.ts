import type { TriggeredEvent } from '#lib/contracts';
import { packAttributes, unpackAttributes } from './attributes.ts';
import { HeaderBlock, decodeValue, type HeaderLookup, optionalNumber, required, requiredNumber } from './headers.ts';
import { type Encoded, inboundType, parseSource } from './inbound.ts';

export function encodeTriggered(event: TriggeredEvent): Encoded {
  const { inbound } = event;
  const block = new HeaderBlock()
    .set('ce-specversion', '1.0')
    .set('ce-id', event.id)
    .set('ce-type', 'WorkflowTriggered')
    .set('ce-source', `/workflow/${event.workflowId}`)
    .set('ce-triggertype', event.triggerType)
    .set('ce-triggerkey', event.triggerKey)
    .number('ce-inboundsequence', event.inboundSequence)
    .number('ce-decidedat', event.decidedAt)
    .set('ce-inboundtype', inbound.type)
    .set('ce-inboundid', inbound.id)
    .set('ce-inboundsource', `/${inbound.sourceType}/${inbound.sourceId}`)
    .set('ce-time', inbound.time)
    .number('ce-configsequence', inbound.configSequence);
  if (event.fanOut !== undefined) block.set('ce-fanout', event.fanOut.join(','));
  if (inbound.number !== undefined) block.number('ce-number', inbound.number);
  if (inbound.redelivered === true) block.set('ce-redelivered', 'true');
  return { block, body: packAttributes(block, inbound.attributes, event.body) };
}

/** `triggered.<p>.<applicationId>.<workflowId>` and what {@link encodeTriggered} wrote, asked for in that order. Throws when it is not that. */
export function decodeTriggered(subject: string, headers: HeaderLookup, stored: Uint8Array): TriggeredEvent {
  const [, , applicationId, workflowId] = subject.split('.');
  if (applicationId === undefined || workflowId === undefined) throw new Error('the subject names no workflow');
  const id = required(headers, 'ce-id');
  const triggerType = required(headers, 'ce-triggertype');
  const triggerKey = required(headers, 'ce-triggerkey');
  const inboundSequence = requiredNumber(headers, 'ce-inboundsequence');
  const decidedAt = requiredNumber(headers, 'ce-decidedat');
  const type = inboundType(required(headers, 'ce-inboundtype'));
  const inboundId = required(headers, 'ce-inboundid');
  const { sourceType, sourceId } = parseSource(required(headers, 'ce-inboundsource'));
  const time = required(headers, 'ce-time');
  const configSequence = requiredNumber(headers, 'ce-configsequence');
  const fanOut = headers.get('ce-fanout');
  const number = optionalNumber(headers, 'ce-number');
  const redelivered = headers.get('ce-redelivered') === 'true';
  const { attributes, body } = unpackAttributes(headers, stored);
  const inbound: TriggeredEvent['inbound'] = { type, id: inboundId, applicationId, sourceId, sourceType, time, configSequence, attributes };
  if (number !== undefined) inbound.number = number;
  if (redelivered) inbound.redelivered = true;
  const event: TriggeredEvent = {
    id,
    applicationId,
    workflowId,
    triggerType,
    triggerKey,
    inbound,
    inboundSequence,
    decidedAt,
    body,
  };
  if (fanOut !== undefined) event.fanOut = decodeValue(fanOut).split(',');
  return event;
}
