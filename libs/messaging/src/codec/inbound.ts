import { InboundType, type InboundEvent } from '#lib/contracts';
import { packAttributes, unpackAttributes } from './attributes.ts';
import { HeaderBlock, type HeaderLookup, optionalNumber, required, requiredNumber } from './headers.ts';

export interface Encoded {
  readonly block: HeaderBlock;
  readonly body: Uint8Array;
}

const TYPES: ReadonlySet<string> = new Set(InboundType.options);

/** The ids are in the subject already: no header repeats the application. */
export function encodeInbound(event: InboundEvent): Encoded {
  const block = new HeaderBlock()
    .set('ce-specversion', '1.0')
    .set('ce-id', event.id)
    .set('ce-type', event.type)
    .set('ce-source', `/${event.sourceType}/${event.sourceId}`)
    .set('ce-time', event.time)
    .number('ce-configsequence', event.configSequence);
  if (event.number !== undefined) block.number('ce-number', event.number);
  if (event.redelivered === true) block.set('ce-redelivered', 'true');
  return { block, body: packAttributes(block, event.attributes, event.body) };
}

/** `inbound.<p>.<applicationId>.<sourceId>` and what {@link encodeInbound} wrote, asked for in that order. Throws when it is not that. */
export function decodeInbound(subject: string, headers: HeaderLookup, stored: Uint8Array): InboundEvent {
  const [, , applicationId, sourceId] = subject.split('.');
  if (applicationId === undefined || sourceId === undefined) throw new Error('the subject names no source');
  const id = required(headers, 'ce-id');
  const type = inboundType(required(headers, 'ce-type'));
  const { sourceType } = parseSource(required(headers, 'ce-source'));
  const time = required(headers, 'ce-time');
  const configSequence = requiredNumber(headers, 'ce-configsequence');
  const number = optionalNumber(headers, 'ce-number');
  const redelivered = headers.get('ce-redelivered') === 'true';
  const { attributes, body } = unpackAttributes(headers, stored);
  const event: InboundEvent = { type, id, applicationId, sourceId, sourceType, time, configSequence, attributes, body };
  if (number !== undefined) event.number = number;
  if (redelivered) event.redelivered = true;
  return event;
}

export function inboundType(text: string): InboundType {
  if (!TYPES.has(text)) throw new Error('ce-type is no inbound type');
  return text as InboundType;
}

/** `/<sourceType>/<sourceId>` */
export function parseSource(source: string): { sourceType: string; sourceId: string } {
  const slash = source.indexOf('/', 1);
  if (!source.startsWith('/') || slash < 2) throw new Error('the source is not /<type>/<id>');
  return { sourceType: source.slice(1, slash), sourceId: source.slice(slash + 1) };
}
