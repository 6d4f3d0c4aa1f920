import { startTestNats, type TestNats } from '../../../../test/servers/nats.ts';
import { type Bus, connectBus, migrateBus } from '../index.ts';

export interface TestBus {
  readonly nats: TestNats;
  readonly bus: Bus;
  stop(): Promise<void>;
}

/** A migrated server and a bus on it. */
export async function startTestBus(streamBytes = 256 * 1024 * 1024): Promise<TestBus> {
  const nats = await startTestNats();
  await migrateBus({ servers: nats.url, name: 'test-migrate' }, { streamBytes, replicas: 1 });
  const bus = await connectBus({ servers: nats.url, name: 'test' });
  return {
    nats,
    bus,
    stop: async () => {
      await bus.close();
      await nats.stop();
    },
  };
}
