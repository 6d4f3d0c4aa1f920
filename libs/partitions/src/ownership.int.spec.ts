import { PARTITIONS } from '#lib/contracts';
import { connectBus, migrateBus, type Bus } from '#lib/messaging';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
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
