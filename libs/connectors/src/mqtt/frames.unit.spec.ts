import { createHash } from 'node:crypto';
import fc from 'fast-check';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { type Frame, FrameReader, MalformedPacket, PUBACK, PUBCOMP, PUBREC, PUBREL } from './frames.ts';
import { type ProtocolVersion, acknowledgement, payloadStart, publishFrame, readAcknowledgement, readPublish } from './publish.ts';

const reader = (maxBytes = 1_000_000, version: ProtocolVersion = 4): FrameReader =>
  new FrameReader(maxBytes, (flags, body) => payloadStart(flags, body, version));

function read(into: FrameReader, chunks: readonly Buffer[]): Frame[] {
  const found: Frame[] = [];
  for (const chunk of chunks) {
    into.push(chunk);
    for (let frame = into.next(); frame !== undefined; frame = into.next()) found.push(frame);
  }
  return found;
}

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length));
}

const publication = fc.record({
  topic: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((topic) => topic === Buffer.from(topic).toString()),
  payload: fc.uint8Array({ maxLength: 300 }),
  qos: fc.integer({ min: 0, max: 2 }),
  retain: fc.boolean(),
  packetId: fc.integer({ min: 1, max: 65_535 }),
});

describe.each([4, 5] as const)('packets of version %i', (version) => {
  it('are read alike however the stream is cut, as mqtt-packet writes them', () => {
    fc.assert(
      fc.property(fc.array(publication, { minLength: 1, maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (messages, places) => {
        const bytes = Buffer.concat(
          messages.map(({ topic, payload, qos, retain, packetId }) =>
            mqttPacket.generate(
              { cmd: 'publish', topic, payload: Buffer.from(payload), qos: qos as 0 | 1 | 2, retain, dup: false, messageId: packetId },
              { protocolVersion: version },
            ),
          ),
        );
        const found = read(reader(1_000_000, version), cut(bytes, places)).map((frame) => readPublish(frame, version));
        expect(found.map(({ topic, payload, qos, packetId }) => ({ topic, payload: [...payload], qos, packetId }))).toEqual(
          messages.map(({ topic, payload, qos, packetId }) => ({ topic, payload: [...payload], qos, packetId: qos === 0 ? 0 : packetId })),
        );
      }),
    );
  });

  it('are written as mqtt-packet writes them', () => {
    fc.assert(
      fc.property(publication, (message) => {
        const packet = {
          ...message,
          cmd: 'publish',
          payload: Buffer.from(message.payload),
          dup: false,
          messageId: message.packetId,
        } as Packet;
        expect(publishFrame(message, version)).toEqual(mqttPacket.generate(packet, { protocolVersion: version }));
      }),
    );
    for (const [type, cmd] of [
      [PUBACK, 'puback'],
      [PUBREC, 'pubrec'],
      [PUBREL, 'pubrel'],
      [PUBCOMP, 'pubcomp'],
    ] as const) {
      const bytes = acknowledgement(type, 0x1234);
      expect(bytes).toEqual(mqttPacket.generate({ cmd, messageId: 0x1234, reasonCode: 0 }, { protocolVersion: version }));
      expect(read(reader(), [bytes]).map(readAcknowledgement)).toEqual([{ packetId: 0x1234, reason: 0 }]);
    }
  });

  it('that are too large to be held are hashed whole while only their beginning is kept', () => {
    const payload = Buffer.alloc(3_000_000, 'abc');
    const large = publishFrame({ topic: 'large', payload, qos: 1, retain: false, packetId: 7 }, version);
    const small = publishFrame({ topic: 'small', payload: Buffer.from('x'), qos: 1, retain: false, packetId: 8 }, version);
    const bytes = Buffer.concat([small, large, small]);
    for (const size of [bytes.length, 65_536, 1_000, 300_000]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
      const found = read(reader(1_000_000, version), chunks).map((frame) => readPublish(frame, version));
      expect(found.map(({ topic, packetId, cut: whole }) => [topic, packetId, whole])).toEqual([
        ['small', 8, undefined],
        ['large', 7, { bytes: payload.length, sha256: createHash('sha256').update(payload).digest('hex') }],
        ['small', 8, undefined],
      ]);
      expect(found[1]?.payload.equals(payload.subarray(0, found[1].payload.length))).toBe(true);
      expect(found[1]?.payload.length).toBeGreaterThanOrEqual(65_536);
    }
  });
});

it('reads arbitrary bytes as packets or calls them malformed, and does nothing else with them', () => {
  const outcome = (version: ProtocolVersion, chunks: readonly Uint8Array[]): unknown => {
    try {
      const found = read(
        reader(1_000, version),
        chunks.map((chunk) => Buffer.from(chunk)),
      );
      for (const frame of found) void (frame.type === 3 ? readPublish(frame, version) : readAcknowledgement(frame));
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 });
  fc.assert(
    fc.property(chunks, fc.constantFrom<ProtocolVersion[]>(4, 5), (bytes, version) => {
      const error = outcome(version, bytes);
      expect(error === undefined || error instanceof MalformedPacket).toBe(true);
    }),
  );
});
