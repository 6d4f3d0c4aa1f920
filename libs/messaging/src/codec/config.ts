import type { ConfigStates, LiveKind } from '#lib/contracts';
import type { ConfigChange } from '../types.ts';
import { HeaderBlock, type HeaderLookup, required, requiredNumber } from './headers.ts';
import type { Encoded } from './inbound.ts';

/** A configuration event: attributes in headers, the whole state as JSON; no body once deleted. */
export function encodeConfig(change: ConfigChange): Encoded {
  const block = new HeaderBlock()
    .set('ce-specversion', '1.0')
    .set('ce-id', `${change.epoch}-${change.eventPosition}`)
    .set('ce-type', change.event)
    .set('ce-source', '/config')
    .set('ce-subject', change.id)
    .set('ce-time', change.time)
    .number('ce-epoch', change.epoch)
    .number('ce-version', change.version)
    .number('ce-eventposition', change.eventPosition)
    .set('ce-actortype', change.actor.type)
    .set('ce-actorid', change.actor.id);
  if (change.state === null) return { block, body: Buffer.alloc(0) };
  block.set('content-type', 'application/json');
  return { block, body: Buffer.from(JSON.stringify(change.state)) };
}

/** What orders configuration events: cheap to read for kinds nobody asked for. */
export interface ConfigPlace {
  readonly kind: string;
  readonly epoch: number;
  readonly version: number;
  readonly eventPosition: number;
}

export function decodeConfigPlace(subject: string, headers: HeaderLookup): ConfigPlace {
  return {
    kind: subject.split('.', 2)[1] ?? '',
    epoch: requiredNumber(headers, 'ce-epoch'),
    version: requiredNumber(headers, 'ce-version'),
    eventPosition: requiredNumber(headers, 'ce-eventposition'),
  };
}

/** `config.<kind>.<type>.<applicationId>.<id>` and what {@link encodeConfig} wrote. The state is ours: `config` validated it before it was stored. */
export function decodeConfig(subject: string, headers: HeaderLookup, body: Uint8Array): ConfigChange {
  const [, kind, type, applicationId, id] = subject.split('.');
  if (kind === undefined || type === undefined || applicationId === undefined || id === undefined)
    throw new Error('the subject names no aggregate');
  const place = decodeConfigPlace(subject, headers);
  return {
    kind: kind as LiveKind,
    type,
    applicationId,
    id,
    event: required(headers, 'ce-type'),
    epoch: place.epoch,
    version: place.version,
    eventPosition: place.eventPosition,
    actor: { type: required(headers, 'ce-actortype'), id: required(headers, 'ce-actorid') },
    time: required(headers, 'ce-time'),
    state: body.length === 0 ? null : parseState(body),
  };
}

function parseState(body: Uint8Array): ConfigStates[LiveKind] {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString()) as ConfigStates[LiveKind];
  } catch {
    // The parser's own text quotes its input.
    throw new Error('the state is not JSON');
  }
}
