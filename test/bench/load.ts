import { connect, type Socket } from 'node:net';
import mqtt, { type Packet } from 'mqtt-packet';

/** Raw MQTT clients on sockets: a load generator must cost less than what it measures. */
class RawClient {
  #acknowledged: () => void = () => undefined;
  private constructor(private readonly socket: Socket) {}

  static async open(port: number, id: string, onPacket: (packet: Packet, client: RawClient) => void): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const client = new RawClient(socket);
    const parser = mqtt.parser({ protocolVersion: 4 });
    await new Promise<void>((resolve, reject) => {
      client.#acknowledged = resolve;
      socket.once('error', reject);
      parser.on('packet', (packet) =>
        packet.cmd === 'connack' || packet.cmd === 'suback' ? client.#acknowledged() : onPacket(packet, client),
      );
      socket.on('data', (chunk) => {
        socket.cork();
        parser.parse(chunk);
        process.nextTick(() => socket.uncork());
      });
      client.write({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: id, clean: true, keepalive: 0 });
    });
    return client;
  }

  write(packet: Packet): void {
    this.socket.write(mqtt.generate(packet));
  }

  subscribe(topic: string): Promise<void> {
    return new Promise((resolve) => {
      this.#acknowledged = resolve;
      this.write({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] });
    });
  }

  end(): void {
    this.socket.destroy();
  }
}

export interface LoadResult {
  readonly seconds: number;
  /** From just before the publish to the arrival of its answer, ms, sorted. */
  readonly latencies: readonly number[];
  readonly answered: number;
  readonly extra: number;
}

export interface Load {
  readonly port: number;
  readonly inTopic: string;
  readonly outTopic: string;
  readonly count: number;
  /** Messages a second; absent: as fast as the system takes them. */
  readonly rate?: number;
  /** Without a rate: messages on their way through the system at most. */
  readonly window?: number;
  readonly withinMs: number;
}

/** Publishes numbered QoS 1 messages and waits for an answer that holds each number; ends early, with what was answered, after `withinMs`. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const sentAt = new Float64Array(load.count);
  const latencies: number[] = [];
  const seen = new Uint8Array(load.count);
  let answered = 0;
  let extra = 0;
  let pump: () => void = () => undefined;
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));

  const name = `bench-${process.pid}-${Math.random().toString(16).slice(2, 8)}`;
  const listener = await RawClient.open(load.port, `${name}-in`, (packet, client) => {
    if (packet.cmd !== 'publish') return;
    if (packet.qos === 1) client.write({ cmd: 'puback', messageId: packet.messageId });
    const number = Number(/\d+/.exec(packet.payload.toString())?.[0] ?? -1);
    if (number < 0 || number >= load.count) return;
    if (seen[number] === 1) {
      extra += 1;
      return;
    }
    seen[number] = 1;
    answered += 1;
    latencies.push(performance.now() - (sentAt[number] ?? 0));
    if (answered === load.count) finish();
    else pump();
  });
  await listener.subscribe(load.outTopic);
  const publisher = await RawClient.open(load.port, `${name}-out`, () => undefined);

  const begun = performance.now();
  let sent = 0;
  const publish = (): void => {
    sentAt[sent] = performance.now();
    publisher.write({
      cmd: 'publish',
      topic: load.inTopic,
      payload: String(sent),
      qos: 1,
      messageId: (sent % 65_535) + 1,
      retain: false,
      dup: false,
    });
    sent += 1;
  };
  const { rate, window = 1_000 } = load;
  const timer =
    rate === undefined
      ? undefined
      : setInterval(() => {
          const due = Math.min(load.count, Math.floor(((performance.now() - begun) / 1_000) * rate));
          while (sent < due) publish();
        }, 1);
  if (rate === undefined) {
    pump = () => {
      while (sent < load.count && sent - answered < window) publish();
    };
    pump();
  }
  const limit = setTimeout(finish, load.withinMs);
  await done;
  clearTimeout(limit);
  clearInterval(timer);
  const seconds = (performance.now() - begun) / 1_000;
  listener.end();
  publisher.end();
  return { seconds, latencies: latencies.toSorted((a, b) => a - b), answered, extra };
}

export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
