import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bus, BusError, type KvBucket } from '#lib/messaging';
import { systemClock } from '../time/clock.ts';
import { clearState, stateOf } from './state.ts';
import { type Harness, anId, startHarness } from '../testing/harness.ts';
import { TimerWheel } from '../time/wheel.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const wheel = new TimerWheel(systemClock);

describe("an integration's durable state", () => {
  let at: Harness;
  beforeAll(async () => (at = await startHarness()));
  afterAll(async () => {
    wheel.stop();
    await at.stop();
  });

  const of = { applicationId: anId(), integrationId: anId() };
  const on = (bus: Bus, isEnded = (): boolean => false): ReturnType<typeof stateOf> =>
    stateOf({ bus, wheel, clock: systemClock }, of, isEnded);

  it('lets one of two connections write, and tells the other', async () => {
    const first = on(at.bus);
    const second = on(at.bus);
    const revision = await first.compareAndSet('key', bytes('1'), 0);
    expect(await second.compareAndSet('key', bytes('2'), 0)).toBeUndefined();
    const read = await second.get('key');
    expect([Buffer.from(read?.value ?? []).toString(), read?.revision]).toEqual(['1', revision]);
    expect(await second.compareAndSet('key', bytes('2'), read?.revision ?? 0)).toBeGreaterThan(revision ?? 0);
    expect(await first.compareAndSet('key', bytes('3'), revision ?? 0)).toBeUndefined();
  });

  it('writes through an outage of the bus, and knows a write whose answer was lost as its own', async () => {
    const bucket = at.bus.kv('CHECKPOINTS');
    let tries = 0;
    const unheard: KvBucket = {
      ...bucket,
      compareAndSet: async (...written) => {
        const stored = await bucket.compareAndSet(...written);
        if (tries++ === 0) throw new BusError('unavailable', 'the answer was lost');
        return stored;
      },
    };
    const written = await on({ ...at.bus, kv: () => unheard }).compareAndSet('heard', bytes('1'), 0);
    expect(written).toBe((await bucket.get(`${of.applicationId}.${of.integrationId}.heard`))?.revision);

    await at.nats.kill();
    const late = on(at.bus).compareAndSet('heard', bytes('2'), written ?? 0);
    await at.nats.start();
    expect(await late).toBeGreaterThan(written ?? 0);
  }, 20_000);

  it('goes with the integration, and a connection that comes late brings nothing back', async () => {
    const state = on(at.bus);
    const revision = await state.compareAndSet('another', bytes('x'), 0);
    await clearState(at.bus, of);
    expect(await state.compareAndSet('another', bytes('y'), revision ?? 0)).toBeUndefined();
    expect(await at.bus.kv('CHECKPOINTS').entries('')).toEqual([]);
  });
});
