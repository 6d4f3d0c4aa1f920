import type { ReceivedEventData } from '@azure/event-hubs';
import type { ReceivedMessage } from '#lib/connector-sdk';

/** Which log an event stands in: another hub under the same name counts from the beginning again. */
export interface Source {
  readonly hub: string;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly partitionId: string;
}

/** An event as the runtime takes it. */
export function receivedMessage(event: ReceivedEventData, { hub, createdAt, partitionId }: Source): ReceivedMessage {
  const { enqueuedTimeUtc, offset, partitionKey, sequenceNumber } = event;
  return {
    body: bytesOf(event.body),
    attributes: {
      event: {
        enqueuedTimeUtc: enqueuedTimeUtc.toISOString(),
        offset,
        ...(partitionKey === undefined || partitionKey === null ? {} : { partitionKey }),
        // As they came: the client spoils binary ones in `properties`.
        properties: jsonSafe(event.getRawAmqpMessage().applicationProperties ?? {}),
        sequenceNumber,
      },
      eventHubName: hub,
      partitionId,
    },
    providerId: `${hub}@${createdAt}/${partitionId}/${sequenceNumber}`,
  };
}

/** AMQP's data come as bytes, in one piece or several; text and bytes as a value as they are, any other value as JSON. */
function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (Array.isArray(body) && body.length > 0 && body.every((part) => part instanceof Uint8Array)) return Buffer.concat(body);
  if (body === undefined || body === null) return Buffer.alloc(0);
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(jsonSafe(body)));
}

/** AMQP knows more types than JSON: bytes become base64, times ISO 8601, whole numbers that no double holds text. */
function jsonSafe(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(jsonSafe);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, jsonSafe(entry)]));
  return value;
}
