import { type AddressInfo, type Socket, createServer } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';

type Of<C extends Packet['cmd']> = Extract<Packet, { cmd: C }>;

export interface BrokerSide {
  reply(this: void, packet: Packet): void;
  raw(this: void, bytes: Uint8Array): void;
  close(this: void): void;
}

/** What it does with a packet instead of the usual answer. */
export type Script = { [C in Packet['cmd']]?: (packet: Of<C>, side: BrokerSide) => void };

export interface ScriptedBroker {
  readonly port: number;
  /** Every packet it got. */
  readonly packets: Packet[];
  stop(): Promise<void>;
}

/** An MQTT broker for one test: accepts everything unless its script says otherwise. For answers that real brokers give rarely. */
export async function startScriptedBroker(version: 4 | 5, script: Script = {}): Promise<ScriptedBroker> {
  const packets: Packet[] = [];
  const sockets = new Set<Socket>();
  const usual: Script = {
    connect: (_packet, { reply }) => reply({ cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false }),
    subscribe: ({ messageId, subscriptions }, { reply }) => reply({ cmd: 'suback', messageId, granted: subscriptions.map(() => 1) }),
    publish: ({ messageId, qos }, { reply }) => {
      if (qos === 1) reply({ cmd: 'puback', messageId, reasonCode: 0 });
    },
    pingreq: (_packet, { reply }) => reply({ cmd: 'pingresp' }),
    disconnect: (_packet, { close }) => close(),
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const side: BrokerSide = {
      reply: (packet) => void socket.write(mqttPacket.generate(packet, { protocolVersion: version })),
      raw: (bytes) => void socket.write(bytes),
      close: () => void socket.end(),
    };
    const parser = mqttPacket.parser({ protocolVersion: version });
    parser.on('packet', (packet) => {
      packets.push(packet);
      const act = (script[packet.cmd] ?? usual[packet.cmd]) as ((packet: Packet, side: BrokerSide) => void) | undefined;
      act?.(packet, side);
    });
    parser.on('error', () => socket.destroy());
    socket.on('data', (chunk) => parser.parse(chunk));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    packets,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
