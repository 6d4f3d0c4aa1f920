import { InboundType, type InboundEvent } from '#lib/contracts';
import { packAttributes, unpackAttributes } from './attributes.ts';
import { HeaderBlock, type Headers, required, requiredNumber } from './headers.ts';

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

/** `inbound.<p>.<applicationId>.<sourceId>` and what {@link encodeInbound} wrote. Throws when it is not that. */
export function decodeInbound(subject: string, headers: Headers, stored: Uint8Array): InboundEvent {
  const [, , applicationId, sourceId] = subject.split('.');
  if (applicationId === undefined || sourceId === undefined) throw new Error('the subject names no source');
  const { attributes, body } = unpackAttributes(headers, stored);
  return {
    type: inboundType(required(headers, 'ce-type')),
    id: required(headers, 'ce-id'),
    applicationId,
    sourceId,
    sourceType: parseSource(required(headers, 'ce-source')).sourceType,
    time: required(headers, 'ce-time'),
    ...(headers['ce-number'] === undefined ? {} : { number: requiredNumber(headers, 'ce-number') }),
    configSequence: requiredNumber(headers, 'ce-configsequence'),
    ...(headers['ce-redelivered'] === 'true' ? { redelivered: true } : {}),
    attributes,
    body,
  };
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
