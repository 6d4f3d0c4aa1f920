import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from './index.ts';
import { startTestBus, type TestBus } from './testing/test-bus.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : new TextDecoder().decode(value));

describe('key-value buckets', () => {
  let test: TestBus;
  let bus: Bus;
  beforeAll(async () => {
    test = await startTestBus();
    bus = test.bus;
  });
  afterAll(() => test.stop());

  it('lets one of several compare-and-sets win', async () => {
    const leases = bus.kv('LEASES');
    const results = await Promise.allSettled(['a', 'b', 'c'].map((who) => leases.compareAndSet('lease.runner.1', bytes(who), 0)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    const losers = results.filter((result) => result.status === 'rejected').map(({ reason }) => (reason as { code: string }).code);
    expect(losers).toEqual(['sequence', 'sequence']);
    const held = await leases.get('lease.runner.1');
    const revision = await leases.compareAndSet('lease.runner.1', bytes('next'), held?.revision ?? -1);
    expect(await leases.get('lease.runner.1')).toEqual({ key: 'lease.runner.1', value: bytes('next'), revision });
    await expect(leases.compareAndSet('lease.runner.1', bytes('late'), held?.revision ?? -1)).rejects.toMatchObject({ code: 'sequence' });
  });

  it('treats a purged key as one that never was', async () => {
    const status = bus.kv('STATUS');
    await status.put('app.one', bytes('1'));
    await status.purge('app.one');
    expect(await status.get('app.one')).toBeUndefined();
    await status.compareAndSet('app.one', bytes('2'), 0);
    expect(text((await status.get('app.one'))?.value)).toBe('2');
    await status.purge('app.one');
  });

  it('lists the live entries under a prefix of tokens', async () => {
    const status = bus.kv('STATUS');
    await Promise.all(Array.from({ length: 600 }, (_, n) => status.put(`listed.i${n}`, bytes(String(n)))));
    await status.put('listedtoo.x', bytes('x'));
    await status.purge('listed.i7');
    const entries = await status.entries('listed');
    expect(entries).toHaveLength(599);
    expect(entries.every((entry) => entry.key === `listed.i${text(entry.value)}`)).toBe(true);
    expect((await status.entries('')).map((entry) => entry.key)).toContain('listedtoo.x');
    expect(await status.entries('nothing')).toEqual([]);
  });

  it('watches the present entries first, then changes and removals, through a restart of the server', async () => {
    const keys = bus.kv('KEYS');
    await keys.put('k.a', bytes('1'));
    await keys.put('k.b', bytes('1'));
    await keys.put('k.b', bytes('2'));
    const seen: string[] = [];
    const watch = await keys.watch((key, value) => seen.push(`${key}=${text(value)}`));
    expect(seen).toEqual(['k.a=1', 'k.b=2']);
    await keys.put('k.a', bytes('3'));
    await expect.poll(() => seen.at(-1)).toBe('k.a=3');
    await test.nats.restart();
    await expect.poll(() => bus.connected, { timeout: 10_000 }).toBe(true);
    await keys.purge('k.b');
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['k.a=1', 'k.b=2', 'k.a=3', 'k.b=undefined']);
    await watch.stop();
  });

  it('resolves a watch of an empty bucket at once', async () => {
    const fresh = await startTestBus();
    const watch = await fresh.bus.kv('LEASES').watch(() => expect.unreachable());
    await watch.stop();
    await fresh.stop();
  });
});
