import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';

export interface Listener {
  readonly client: MqttClient;
  /** How often each number was answered. */
  readonly answers: ReadonlyMap<number, number>;
  /** Answers beyond the first of each number. */
  extra(): number;
  /** Resolves when at least `count` different numbers have been answered; throws after `withinMs` saying how many are missing. */
  untilAnswered(count: number, withinMs: number): Promise<void>;
  /** Publishes `{…}` numbers from..to as QoS 1 and resolves when the broker has taken them all. */
  publish(topic: string, from: number, to: number): Promise<void>;
  stop(): Promise<void>;
}

/** A client beside the product: publishes numbered messages and counts the answers `{"echo": n}`. Its session survives a broker restart. */
export async function listen(url: string, answerTopic: string, options: IClientOptions = {}): Promise<Listener> {
  const client = await connectAsync(url, {
    clientId: `listener-${Math.random().toString(16).slice(2)}`,
    clean: false,
    reconnectPeriod: 100,
    ...options,
  });
  const answers = new Map<number, number>();
  let wake: (() => void) | undefined;
  client.on('message', (_topic, payload) => {
    const { echo } = JSON.parse(payload.toString()) as { echo: number };
    answers.set(echo, (answers.get(echo) ?? 0) + 1);
    wake?.();
  });
  client.on('error', () => undefined); // it reconnects by itself
  await client.subscribeAsync(answerTopic, { qos: 1 });
  return {
    client,
    answers,
    extra: () => [...answers.values()].reduce((sum, times) => sum + times - 1, 0),
    untilAnswered: async (count, withinMs) => {
      const deadline = Date.now() + withinMs;
      while (answers.size < count) {
        const left = deadline - Date.now();
        if (left <= 0) throw new Error(`${answers.size} of ${count} answered within ${withinMs} ms`);
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, Math.min(left, 1_000));
        });
      }
    },
    publish: async (topic, from, to) => {
      const sent: Promise<unknown>[] = [];
      for (let number = from; number <= to; number++) sent.push(client.publishAsync(topic, String(number), { qos: 1 }));
      await Promise.all(sent);
    },
    stop: () => client.endAsync(true),
  };
}
