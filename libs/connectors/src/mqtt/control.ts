import mqttPacket, { type IConnackPacket, type Packet } from 'mqtt-packet';
import { type Frame, MalformedPacket, allocateFrame } from './frames.ts';
import type { ProtocolVersion } from './publish.ts';

// Without this the first packet fills a table of 65,536 small buffers.
mqttPacket.writeToStream.cacheNumbers = false;

/** Sessions of MQTT 5 outlive the link this long, s: a week, so a weekend's outage loses nothing. 3.1.1 has no such figure. */
export const SESSION_EXPIRY_S = 7 * 24 * 3600;
/** PUBLISHes above QoS 0 that an MQTT 5 broker may send before we acknowledged the first. */
export const RECEIVE_MAXIMUM = 256;

/** The longest packet there is in MQTT. */
export const MAX_PACKET_BYTES = 268_435_455;

export interface ConnectOptions {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  readonly clean: boolean;
  readonly keepAliveS: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export function connectFrame(options: ConnectOptions): Buffer {
  const { version, clientId, clean, keepAliveS, username, password } = options;
  // No maximum packet size: a broker would drop what is larger without a word, where we leave a dead letter.
  const properties = {
    receiveMaximum: RECEIVE_MAXIMUM,
    topicAliasMaximum: 0,
    ...(clean ? {} : { sessionExpiryInterval: SESSION_EXPIRY_S }),
  };
  return mqttPacket.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clientId,
    clean,
    keepalive: keepAliveS,
    ...(username === undefined && password === undefined ? {} : { username: username ?? '' }),
    ...(password === undefined ? {} : { password: Buffer.from(password) }),
    ...(version === 5 ? { properties } : {}),
  });
}

/** Asks for QoS 1: what a broker sends at QoS 2 would be acknowledged in two steps for nothing, as our store de-duplicates nothing either way. */
export function subscribeFrame(version: ProtocolVersion, packetId: number, filters: readonly string[]): Buffer {
  const subscriptions = filters.map((topic) => ({ topic, qos: 1 as const }));
  return mqttPacket.generate({ cmd: 'subscribe', messageId: packetId, subscriptions }, { protocolVersion: version });
}

/** Reason 0: a normal end. Two bytes in both versions. */
export const DISCONNECT_FRAME: Buffer = Buffer.from([0xe0, 0]);

export interface Connack {
  /** 0: accepted. A return code of 3.1.1 or a reason of 5. */
  readonly code: number;
  readonly sessionPresent: boolean;
  readonly properties: NonNullable<IConnackPacket['properties']>;
}

export function readConnack(frame: Frame, version: ProtocolVersion): Connack {
  const packet = parse(frame, version, 'connack');
  return {
    code: (version === 5 ? packet.reasonCode : packet.returnCode) ?? 0,
    sessionPresent: packet.sessionPresent,
    properties: packet.properties ?? {},
  };
}

export function readSuback(frame: Frame, version: ProtocolVersion): { packetId: number; codes: readonly number[] } {
  const { messageId = 0, granted } = parse(frame, version, 'suback');
  if (messageId < 1 || granted.length === 0) throw new MalformedPacket('a SUBACK is cut off');
  return { packetId: messageId, codes: granted.map(Number) };
}

/** Only MQTT 5's brokers send one. */
export const readDisconnect = (frame: Frame): number => parse(frame, 5, 'disconnect').reasonCode ?? 0;

function parse<C extends Packet['cmd']>({ type, flags, body }: Frame, version: ProtocolVersion, cmd: C): Extract<Packet, { cmd: C }> {
  const { frame, at } = allocateFrame((type << 4) | flags, body.length);
  body.copy(frame, at);
  const found: Packet[] = [];
  let failure: unknown;
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on('packet', (packet) => found.push(packet));
  parser.on('error', (error: unknown) => (failure = error));
  try {
    parser.parse(frame);
  } catch (error) {
    failure = error;
  }
  const packet = found.find((one): one is Extract<Packet, { cmd: C }> => one.cmd === cmd);
  if (failure !== undefined || packet === undefined) throw new MalformedPacket('a control packet is malformed', { cause: failure });
  return packet;
}
