import { PARTITIONS } from '#lib/contracts';
import { connectBus, migrateBus, type Bus } from '#lib/messaging';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startFaultProxy } from '../../../test/servers/fault-proxy.ts';
import { startTestNats, type TestNats } from '../../../test/servers/nats.ts';
import { encodeHeartbeat, encodeLease } from './lease-view.ts';
import { own, type Lease, type Ownership, type OwnershipOptions } from './index.ts';

const TIMING = { heartbeat: 100, lease: 1_000 };
const POLL = { timeout: 15_000, interval: 20 };

let nats: TestNats;
const buses: Bus[] = [];
const replicas: Ownership[] = [];
let services = 0;

beforeAll(async () => {
  nats = await startTestNats();
  await migrateBus({ servers: nats.url, name: 'migrate' }, { streamBytes: 64 * 1024 * 1024, replicas: 1 });
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
});
afterAll(() => nats.stop());

const newService = (): string => `test-${services++}`;

interface Replica {
  readonly ownership: Ownership;
  readonly bus: Bus;
  readonly acquired: Lease[];
  readonly lost: Lease[];
  readonly released: Lease[];
}

async function join(service: string, replicaId: string, over: Partial<OwnershipOptions> = {}): Promise<Replica> {
  const bus = await connectBus({ servers: nats.url, name: replicaId });
  buses.push(bus);
  const acquired: Lease[] = [];
  const lost: Lease[] = [];
  const released: Lease[] = [];
  const ownership = await own({
    bus,
    service,
    replicaId,
    alone: false,
    timing: TIMING,
    acquired: async (leases) => void acquired.push(...leases),
    released: async (leases, why) => void (why === 'lost' ? lost : released).push(...leases),
    onError: () => undefined,
    ...over,
  });
  replicas.push(ownership);
  return { ownership, bus, acquired, lost, released };
}

describe('the replicas of a service', () => {
  it('share the partitions evenly, each held once, moving no more than the newcomer takes', async () => {
    const service = newService();
    const a = await join(service, 'a');
    await expect.poll(() => a.ownership.held.size, POLL).toBe(PARTITIONS);
    const b = await join(service, 'b');
    await expect.poll(() => [a.ownership.held.size, b.ownership.held.size], POLL).toEqual([PARTITIONS / 2, PARTITIONS / 2]);
    await expect.poll(() => a.ownership.ready().ok && b.ownership.ready().ok, POLL).toBe(true);
    const held = [...a.ownership.held.keys(), ...b.ownership.held.keys()];
    expect(new Set(held).size).toBe(PARTITIONS);
    expect(a.released).toHaveLength(PARTITIONS / 2);
    for (const lease of b.acquired) {
      const before = a.acquired.find(({ partition }) => partition === lease.partition);
      expect(lease.token).toBeGreaterThan(before?.token ?? Infinity);
      expect(lease.deadSince).toBeUndefined();
    }
  });

  it('hand everything over when one leaves in order', async () => {
    const service = newService();
    const a = await join(service, 'a');
    const b = await join(service, 'b');
    await expect.poll(() => b.ownership.held.size, POLL).toBe(PARTITIONS / 2);
    await a.ownership.stop();
    await expect.poll(() => b.ownership.held.size, POLL).toBe(PARTITIONS);
    expect(b.acquired.every(({ deadSince }) => deadSince === undefined)).toBe(true);
  });

  it('take over from one whose heartbeat stopped, and know when it was last alive', async () => {
    const service = newService();
    const a = await join(service, 'a');
    await expect.poll(() => a.ownership.held.size, POLL).toBe(PARTITIONS);
    const before = Date.now();
    await a.bus.close(); // as a process that is gone: its heartbeat can't be renewed any more
    const b = await join(service, 'b');
    await expect.poll(() => b.ownership.held.size, POLL).toBe(PARTITIONS);
    await expect.poll(() => a.lost, POLL).toHaveLength(PARTITIONS);
    for (const { deadSince } of b.acquired) {
      expect(deadSince).toBeLessThanOrEqual(Date.now());
      expect(deadSince).toBeGreaterThan(before - TIMING.lease);
    }
  });

  it('stop acting before their lease can expire when the heartbeat can not be renewed', async () => {
    const service = newService();
    let now = 0;
    const a = await join(service, 'a', { clock: { monotonic: () => now, wall: () => Date.now() } });
    await expect.poll(() => a.ownership.held.size, POLL).toBe(PARTITIONS);
    await a.bus.close();
    now += TIMING.lease * 0.9;
    await expect.poll(() => a.lost, POLL).toHaveLength(PARTITIONS);
    expect(a.ownership.held.size).toBe(0);
    expect(a.ownership.ready().ok).toBe(false);
  });

  it('give back what could not be taken over, and try again', async () => {
    const service = newService();
    let failures = 0;
    const a = await join(service, 'a', {
      acquired: async () => {
        if (failures++ === 0) throw new Error('not yet');
      },
    });
    await expect.poll(() => failures, POLL).toBeGreaterThan(1);
    await expect.poll(() => a.ownership.held.size, POLL).toBe(PARTITIONS);
    await expect.poll(() => a.ownership.ready().ok, POLL).toBe(true);
  });

  it('lose a partition at once when another token stands on it', async () => {
    const service = newService();
    const a = await join(service, 'a');
    await expect.poll(() => a.ownership.held.size, POLL).toBe(PARTITIONS);
    const bucket = a.bus.kv('LEASES');
    await bucket.put(`replica.${service}.thief`, encodeHeartbeat({ at: Date.now(), partitions: 1 }));
    const token = (a.ownership.held.get(5)?.token ?? 0) + 1;
    await bucket.put(`lease.${service}.5`, encodeLease({ holder: 'thief', token }));
    await expect.poll(() => a.lost.map(({ partition }) => partition), POLL).toContain(5);
  });
});

describe('between replicas of a service', () => {
  it('nothing is taken before its holder has finished with it, however long that takes', async () => {
    const service = newService();
    const order: string[] = [];
    let letGo: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (letGo = resolve));
    const leaving = await join(service, 'a', {
      released: async () => {
        order.push('finishing');
        await finished;
        order.push('finished');
      },
    });
    await expect.poll(() => leaving.ownership.held.size, POLL).toBe(PARTITIONS);
    const stopped = leaving.ownership.stop();
    const staying = await join(service, 'b', { acquired: async () => void order.push('taken') });
    expect(order).toEqual(['finishing']);
    expect(staying.ownership.held.size).toBe(0);
    letGo();
    await stopped;
    await expect.poll(() => staying.ownership.held.size, POLL).toBe(PARTITIONS);
    expect(order.slice(0, 3)).toEqual(['finishing', 'finished', 'taken']);
  });

  it('one that is not heard has stopped before another begins, and shares again when it is heard', async () => {
    const service = newService();
    const link = await startFaultProxy({ port: nats.port });
    const behind = await connectBus({ servers: `nats://127.0.0.1:${link.port}`, name: 'behind' });
    buses.push(behind);
    const staying = await join(service, 'a');
    const silent = await join(service, 'b', { bus: behind });
    const sizes = (): number[] => [staying.ownership.held.size, silent.ownership.held.size];
    await expect.poll(sizes, POLL).toEqual([PARTITIONS / 2, PARTITIONS / 2]);
    const before = new Map(silent.ownership.held);
    const taken = staying.acquired.length;
    let heldMeanwhile: number | undefined;
    link.mode({ kind: 'stall' });
    const takenOver = (): number => {
      if (staying.acquired.length > taken) heldMeanwhile ??= silent.ownership.held.size;
      return staying.ownership.held.size;
    };
    await expect.poll(takenOver, { timeout: 15_000, interval: 5 }).toBe(PARTITIONS);
    expect(heldMeanwhile).toBe(0);
    expect(silent.lost).toHaveLength(PARTITIONS / 2);
    for (const { partition, token } of staying.acquired.slice(taken))
      expect(token).toBeGreaterThan(before.get(partition)?.token ?? Infinity);
    link.mode({ kind: 'pass' });
    await expect.poll(sizes, POLL).toEqual([PARTITIONS / 2, PARTITIONS / 2]);
    await silent.ownership.stop();
    await behind.close();
    await link.stop();
  });

  it('only the share of the one that leaves moves', async () => {
    const service = newService();
    const staying = [await join(service, 'a'), await join(service, 'b'), await join(service, 'c')];
    const leaving = await join(service, 'd');
    const held = (): number[] => [...staying, leaving].map(({ ownership }) => ownership.held.size);
    await expect.poll(held, POLL).toEqual([16, 16, 16, 16]);
    const before = staying.map(({ ownership }) => new Map(ownership.held));
    await leaving.ownership.stop();
    await expect.poll(() => staying.reduce((sum, { ownership }) => sum + ownership.held.size, 0), POLL).toBe(PARTITIONS);
    for (const [index, { ownership }] of staying.entries())
      for (const [partition, lease] of before[index] ?? []) expect(ownership.held.get(partition)).toBe(lease);
  });
});

it('alone, takes all leases at once with higher tokens, without waiting for a holder that died a moment ago', async () => {
  const service = newService();
  const a = await join(service, 'a');
  await expect.poll(() => a.ownership.held.size, POLL).toBe(PARTITIONS);
  await a.bus.close();
  const b = await join(service, 'b', { alone: true });
  expect(b.ownership.held.size).toBe(PARTITIONS);
  for (const [partition, { token }] of b.ownership.held)
    expect(token).toBeGreaterThan(a.acquired.find((lease) => lease.partition === partition)?.token ?? Infinity);
});

it('alone by what it was told, claims nothing back from another process that has taken its partitions', async () => {
  const service = newService();
  const a = await join(service, 'a', { alone: true });
  await expect.poll(() => a.ownership.held.size, POLL).toBe(PARTITIONS);
  const b = await join(service, 'a', { alone: true });
  await expect.poll(() => a.lost, POLL).toHaveLength(PARTITIONS);
  expect(a.ownership.ready()).toEqual({ ok: false, reason: 'another process has taken its partitions' });
  expect(b.ownership.held.size).toBe(PARTITIONS);
});
