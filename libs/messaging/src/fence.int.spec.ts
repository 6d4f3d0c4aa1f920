import { randomBytes } from 'node:crypto';
import { partitionOf } from '#lib/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BusError } from './types.ts';
import { aTriggered } from './testing/builders.ts';
import { startTestBus, type TestBus } from './testing/test-bus.ts';

const MIB = 1024 * 1024;

describe('a stream that is full to its last bytes', () => {
  let test: TestBus;
  beforeAll(async () => {
    test = await startTestBus(4 * MIB);
  });
  afterAll(() => test.stop());

  async function fill(subject: string): Promise<void> {
    for (const size of [MIB, 64 * 1024, 4 * 1024, 256, 1])
      for (let full = false; !full;)
        await test.bus.publishOutbound(subject, Buffer.alloc(size), randomBytes(6).toString('hex')).catch((error: unknown) => {
          if (!(error instanceof BusError && error.code === 'full')) throw error;
          full = true;
        });
  }

  it('takes the fence of a new holder, who must be able to empty it, and refuses the one before', async () => {
    const { bus } = test;
    const event = aTriggered();
    const partition = partitionOf(event.applicationId);
    const old = await bus.writeFence('TRIGGERED', 'dispatch', partition, 9);
    await fill('triggered.0.a.b');
    await expect(bus.publishTriggered(event, old)).rejects.toMatchObject({ code: 'full' });
    const fence = await bus.writeFence('TRIGGERED', 'dispatch', partition, 10);
    await expect(bus.writeFence('TRIGGERED', 'dispatch', partition, 9)).rejects.toMatchObject({ code: 'fenced' });
    await bus.purge('TRIGGERED', 'triggered.>', Number.MAX_SAFE_INTEGER - 1);
    await expect(bus.publishTriggered(event, old)).rejects.toMatchObject({ code: 'fenced' });
    await bus.publishTriggered(event, fence);
  });
});
