import type { EventSourceMessage } from 'eventsource-parser';
import type { ReceivedMessage } from '#lib/connector-sdk';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(data: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // told by the caller: what came is handed over as it is
  }
}

/** Whole seconds; the cloud has sent it as text. */
function seconds(ttl: unknown): number | undefined {
  const value = typeof ttl === 'string' && ttl.trim() !== '' ? Number(ttl) : ttl;
  return typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) : undefined;
}

/** The payload of an event is text; what isn't, is kept as JSON. */
function payloadOf(data: unknown): string {
  if (data === undefined || data === null) return '';
  return typeof data === 'string' ? data : JSON.stringify(data);
}

/** An event as a message: what the device sent is the body, the rest its attributes. One that is not in the cloud's format has only a name, and all of its text as body. */
export function messageOf({ event: name = '', data }: EventSourceMessage): ReceivedMessage {
  const event = parsed(data);
  if (event === undefined) return { body: Buffer.from(data), attributes: { name } };
  const { coreid, published_at, ttl } = event;
  const known = { coreid, published_at, ttl: seconds(ttl) };
  const attributes = Object.fromEntries(Object.entries({ name, ...known }).filter(([, value]) => value !== undefined));
  return { body: Buffer.from(payloadOf(event['data'])), attributes };
}
