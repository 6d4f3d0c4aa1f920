import type { Cut } from '#lib/connector-sdk';
import { type Frame, MalformedPacket, PUBACK, PUBCOMP, PUBREC, PUBREL, allocateFrame, readLength } from './frames.ts';

// The packets of which there are as many as messages are read and written here by hand; mqtt-packet does the rest (ADR 0005).

export type ProtocolVersion = 4 | 5;

export interface IncomingPublish {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly dup: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
  /** The payload is only the beginning of one too large to be held. */
  readonly cut: Cut | undefined;
}

/** Where in the body of a PUBLISH its payload starts. Throws {@link MalformedPacket} where it has none. */
export function payloadStart(flags: number, body: Buffer, version: ProtocolVersion): number {
  const qos = (flags >> 1) & 3;
  if (qos === 3 || body.length < 2) throw new MalformedPacket('a PUBLISH is malformed');
  let at = 2 + body.readUInt16BE(0) + (qos > 0 ? 2 : 0);
  if (version === 5 && at <= body.length) {
    const properties = readLength(body, at);
    at = properties.next + properties.value;
  }
  if (at > body.length) throw new MalformedPacket('a PUBLISH is cut off');
  return at;
}

/** Reads a PUBLISH. The payload is a view into the frame. */
export function readPublish({ flags, body, cut }: Frame, version: ProtocolVersion): IncomingPublish {
  const at = payloadStart(flags, body, version);
  const qos = (flags >> 1) & 3;
  const topicEnd = 2 + body.readUInt16BE(0);
  const packetId = qos > 0 ? body.readUInt16BE(topicEnd) : 0;
  // An empty topic means an alias, and we announce that we take none.
  if (topicEnd === 2) throw new MalformedPacket('a PUBLISH has no topic');
  return { topic: body.toString('utf8', 2, topicEnd), payload: body.subarray(at), qos, dup: (flags & 8) !== 0, packetId, cut };
}

export interface Acknowledgement {
  readonly packetId: number;
  /** MQTT 5's reason; 0 in 3.1.1. */
  readonly reason: number;
}

/** Reads PUBACK, PUBREC, PUBREL and PUBCOMP. */
export function readAcknowledgement({ body }: Frame): Acknowledgement {
  if (body.length < 2) throw new MalformedPacket('an acknowledgement is cut off');
  return { packetId: body.readUInt16BE(0), reason: body[2] ?? 0 };
}

/** Writes PUBACK, PUBREC, PUBREL or PUBCOMP with reason 0: four bytes in both versions. */
export function acknowledgement(type: typeof PUBACK | typeof PUBREC | typeof PUBREL | typeof PUBCOMP, packetId: number): Buffer {
  return Buffer.from([(type << 4) | (type === PUBREL ? 2 : 0), 2, packetId >> 8, packetId & 0xff]);
}

/** Writes a PUBLISH without properties. */
export function publishFrame(
  message: { topic: string; payload: Uint8Array; qos: number; retain: boolean; packetId: number },
  version: ProtocolVersion,
): Buffer {
  const { topic, payload, qos, retain, packetId } = message;
  const topicBytes = Buffer.byteLength(topic);
  const length = 2 + topicBytes + (qos > 0 ? 2 : 0) + (version === 5 ? 1 : 0) + payload.byteLength;
  const { frame, at } = allocateFrame(0x30 | (qos << 1) | (retain ? 1 : 0), length);
  let next = frame.writeUInt16BE(topicBytes, at);
  next += frame.write(topic, next);
  if (qos > 0) next = frame.writeUInt16BE(packetId, next);
  if (version === 5) frame[next++] = 0;
  frame.set(payload, next);
  return frame;
}
