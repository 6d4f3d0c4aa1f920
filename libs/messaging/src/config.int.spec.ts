import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSubject } from '#lib/contracts';
import type { Bus, ConfigChange } from './index.ts';
import { aChange, anId } from './testing/builders.ts';
import { startTestBus, type TestBus } from './testing/test-bus.ts';

describe('configuration', () => {
  let test: TestBus;
  let bus: Bus;
  beforeAll(async () => {
    test = await startTestBus();
    bus = test.bus;
  });
  afterAll(() => test.stop());

  it('delivers every present state before it resolves, then each change', async () => {
    const change = aChange({ version: 3, eventPosition: 10 });
    const { position } = await bus.publishConfig(change, { expected: 0 });
    const seen: ConfigChange[] = [];
    const follower = await bus.followConfig(['application'], (next) => seen.push(next));
    expect(seen).toEqual([change]);
    expect(follower.sequence).toBe(position);
    expect(follower.eventPosition).toBe(10);
    const newer = { ...change, version: 4, eventPosition: 11 };
    const stored = await bus.publishConfig(newer, { expected: position });
    await follower.reached(stored.position, 5_000);
    expect(seen).toEqual([change, newer]);
    expect((await bus.list('CONFIG', 'config.>')).map((message) => bus.decodeConfig(message))).toEqual([newer]);
    await follower.stop();
  });

  it('moves its sequence and event position for kinds nobody asked for', async () => {
    const follower = await bus.followConfig(['workflow'], () => expect.unreachable());
    const { position } = await bus.publishConfig(aChange({ eventPosition: 40 }), { expected: 0 });
    await follower.reached(position, 5_000);
    await follower.reachedEvent(40, 5_000);
    await expect(follower.reached(position + 1, 20)).rejects.toMatchObject({ code: 'timeout' });
    await follower.stop();
  });

  it('refuses a relay that does not know the last state of the subject', async () => {
    const change = aChange();
    const { position } = await bus.publishConfig(change, { expected: 0 });
    await expect(bus.publishConfig({ ...change, version: 2 }, { expected: 0 })).rejects.toMatchObject({ code: 'sequence' });
    const last = await bus.last('CONFIG', configSubject('application', '-', change.applicationId, change.id));
    expect(last?.position).toBe(position);
    await bus.publishConfig({ ...change, version: 2 }, { expected: position });
  });

  it('lets no older version or epoch through', async () => {
    const seen: string[] = [];
    const applicationId = anId();
    const follower = await bus.followConfig(['application'], (change) => {
      if (change.applicationId === applicationId) seen.push(`${change.epoch}.${change.version}`);
    });
    let expected = 0;
    for (const [epoch, version] of [
      [1, 5],
      [1, 4],
      [1, 5],
      [2, 1],
      [1, 9],
      [2, 2],
    ] as const) {
      const change = aChange({ applicationId, epoch, version });
      expected = (await bus.publishConfig(change, { expected })).position;
    }
    await follower.reached(expected, 5_000);
    expect(seen).toEqual(['1.5', '2.1', '2.2']);
    await follower.stop();
  });

  it('keeps one tombstone of a deleted aggregate until its time is up, and nothing comes back', async () => {
    const change = aChange();
    const subject = configSubject('application', '-', change.applicationId, change.id);
    const created = await bus.publishConfig(change, { expected: 0 });
    const deleted = { ...change, event: 'ApplicationDeleted', version: 2, state: null };
    await bus.publishConfig(deleted, { expected: created.position, ttlSeconds: 1 });
    const seen: ConfigChange[] = [];
    const mine = (next: ConfigChange): unknown => next.id === change.id && seen.push(next);
    const before = await bus.followConfig(['application'], mine);
    expect(seen).toEqual([deleted]);
    await expect.poll(() => bus.last('CONFIG', subject), { timeout: 5_000 }).toBeUndefined();
    const after = await bus.followConfig(['application'], mine);
    expect(seen).toEqual([deleted]);
    expect(after.sequence).toBe(before.sequence);
    await before.stop();
    await after.stop();
  });

  it('goes on after the server was killed and started again', async () => {
    const seen: string[] = [];
    const follower = await bus.followConfig(['application'], (change) => seen.push(change.id));
    seen.length = 0;
    await test.nats.restart();
    await expect.poll(() => bus.connected, { timeout: 10_000 }).toBe(true);
    const change = aChange();
    const { position } = await bus.publishConfig(change, { expected: 0 });
    await follower.reached(position, 10_000);
    expect(seen).toEqual([change.id]);
    await follower.stop();
  });
});
