import type { TriggeredEvent } from '#lib/contracts';
import { packAttributes, unpackAttributes } from './attributes.ts';
import { HeaderBlock, type Headers, required, requiredNumber } from './headers.ts';
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
    .number('ce-committed', event.committed)
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

/** `triggered.<p>.<applicationId>.<workflowId>` and what {@link encodeTriggered} wrote. Throws when it is not that. */
export function decodeTriggered(subject: string, headers: Headers, stored: Uint8Array): TriggeredEvent {
  const [, , applicationId, workflowId] = subject.split('.');
  if (applicationId === undefined || workflowId === undefined) throw new Error('the subject names no workflow');
  const { attributes, body } = unpackAttributes(headers, stored);
  return {
    id: required(headers, 'ce-id'),
    applicationId,
    workflowId,
    triggerType: required(headers, 'ce-triggertype'),
    triggerKey: required(headers, 'ce-triggerkey'),
    inbound: {
      type: inboundType(required(headers, 'ce-inboundtype')),
      id: required(headers, 'ce-inboundid'),
      applicationId,
      ...parseSource(required(headers, 'ce-inboundsource')),
      time: required(headers, 'ce-time'),
      ...(headers['ce-number'] === undefined ? {} : { number: requiredNumber(headers, 'ce-number') }),
      configSequence: requiredNumber(headers, 'ce-configsequence'),
      ...(headers['ce-redelivered'] === 'true' ? { redelivered: true } : {}),
      attributes,
    },
    inboundSequence: requiredNumber(headers, 'ce-inboundsequence'),
    ...(headers['ce-fanout'] === undefined ? {} : { fanOut: required(headers, 'ce-fanout').split(',') }),
    decidedAt: requiredNumber(headers, 'ce-decidedat'),
    committed: requiredNumber(headers, 'ce-committed'),
    body,
  };
}
