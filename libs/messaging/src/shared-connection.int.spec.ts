import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Bus, type BusOptions, connectBus } from './index.ts';
import { joinConnection } from './shared-connection.ts';
import { anInbound } from './testing/builders.ts';
import { startTestBus, type TestBus } from './testing/test-bus.ts';

let test: TestBus;
beforeAll(async () => void (test = await startTestBus()));
afterAll(() => test.stop());

const options = (): BusOptions => ({ servers: test.nats.url, name: 'shares', shared: true });

it('is one connection for those who share, which the last of them closes', async () => {
  const [first, second, alone] = await Promise.all([
    joinConnection(options()),
    joinConnection(options()),
    joinConnection({ ...options(), shared: false }),
  ]);
  expect(second.connection).toBe(first.connection);
  expect(alone.connection).not.toBe(first.connection);
  await alone.leave();
  await first.leave();
  expect(second.connection.isClosed()).toBe(false);
  await second.leave();
  expect(second.connection.isClosed()).toBe(true);
  const next = await joinConnection(options());
  expect(next.connection.isClosed()).toBe(false);
  await next.leave();
});

it('leaves the others their bus when one closes its own, on which nothing goes any more', async () => {
  const [closing, staying] = await Promise.all([connectBus(options()), connectBus(options())]);
  const seen: Bus[] = [];
  const read = async (bus: Bus): Promise<unknown> =>
    await bus.readInbound({
      partitions: [...Array(64).keys()],
      from: 0,
      onMessage: () => seen.push(bus),
      onPoison: ({ reason }) => expect.unreachable(reason),
    });
  await Promise.all([read(closing), read(staying)]);
  staying.serve('ask.slow', () => new Promise(() => undefined));
  const unanswered = closing.request('ask.slow', new Uint8Array(), 60_000);
  await Promise.all([closing.close(), expect(unanswered).rejects.toMatchObject({ code: 'unavailable' })]);
  expect(closing.connected).toBe(false);
  await expect(closing.publishInbound(anInbound(), 'refused', undefined)).rejects.toMatchObject({ code: 'unavailable' });
  await staying.publishInbound(anInbound(), 'taken', undefined);
  await expect.poll(() => seen).toEqual([staying]);
  await staying.close();
});

it('tells every one of them that it is lost and back', async () => {
  const buses = await Promise.all([connectBus(options()), connectBus(options())]);
  const heard = buses.map((bus) => {
    const changes: boolean[] = [];
    bus.onConnection((connected) => changes.push(connected));
    return changes;
  });
  await test.nats.restart();
  await expect
    .poll(() => heard, { timeout: 20_000 })
    .toEqual([
      [false, true],
      [false, true],
    ]);
  for (const [index, bus] of buses.entries()) await bus.publishInbound(anInbound(), `after ${index}`, undefined);
  await Promise.all(buses.map((bus) => bus.close()));
});
