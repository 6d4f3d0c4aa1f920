import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inboundSubject, PARTITIONS, partitionOf } from '#lib/contracts';
import type { Bus, ReadOptions, StoredInbound } from './index.ts';
import { anId, anInbound } from './testing/builders.ts';
import { startTestBus, type TestBus } from './testing/test-bus.ts';

const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

describe('a reader', () => {
  let test: TestBus;
  let bus: Bus;
  let other: NatsConnection;
  beforeAll(async () => {
    test = await startTestBus();
    bus = test.bus;
    other = await connect({ servers: test.nats.url, maxReconnectAttempts: -1 });
  });
  afterAll(async () => {
    await other.close();
    await test.stop();
  });

  it('sees every message once and in order through two kills of the server', async () => {
    const killed = await startTestBus(); // a server of its own: the others' connections need no time to come back
    const { end } = await killed.bus.streamInfo('INBOUND');
    const seen: string[] = [];
    const reader = await killed.bus.readInbound({
      partitions: ALL,
      from: end,
      onMessage: (message) => seen.push(message.id),
      onPoison: () => expect.unreachable(),
    });
    const stored: string[] = [];
    const publishUntil = async (count: number): Promise<void> => {
      while (stored.length < count) {
        const id = `m${stored.length}`;
        const done = await killed.bus.publishInbound(anInbound({ id }), `once-${id}`, undefined).catch(() => undefined);
        if (done === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
        else stored.push(id);
      }
    };
    const publishing = publishUntil(1_500);
    for (const at of [300, 900]) {
      await expect.poll(() => seen.length, { timeout: 20_000 }).toBeGreaterThan(at);
      await killed.nats.restart();
    }
    await publishing;
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(1_500);
    expect(seen).toEqual(stored);
    await reader.stop();
    await killed.stop();
  });

  it('goes on when its consumer is deleted on the server', async () => {
    const { end } = await bus.streamInfo('INBOUND');
    const seen: string[] = [];
    const reader = await bus.readInbound({
      partitions: ALL,
      from: end,
      onMessage: (message) => seen.push(message.id),
      onPoison: () => expect.unreachable(),
    });
    const listed = await other.request('$JS.API.CONSUMER.NAMES.INBOUND', '{}');
    const names = (listed.json() as { consumers: string[] }).consumers;
    expect(names).toHaveLength(1);
    for (const name of names) await other.request(`$JS.API.CONSUMER.DELETE.INBOUND.${name}`, '');
    await bus.publishInbound(anInbound({ id: 'after' }), undefined, undefined);
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['after']);
    await reader.stop();
  });

  it('reads many pulls through one and the same consumer', async () => {
    const { end } = await bus.streamInfo('INBOUND');
    let seen = 0;
    const reader = await bus.readInbound({
      partitions: ALL,
      from: end,
      onMessage: () => (seen += 1),
      onPoison: () => expect.unreachable(),
    });
    const names = async (): Promise<string[]> =>
      (await other.request('$JS.API.CONSUMER.NAMES.INBOUND', '{}')).json<{ consumers: string[] }>().consumers;
    const before = await names();
    await Promise.all(Array.from({ length: 5_000 }, () => bus.publishInbound(anInbound(), undefined, undefined)));
    await expect.poll(() => seen, { timeout: 10_000 }).toBe(5_000);
    expect(await names()).toEqual(before);
    await reader.stop();
  });

  it('leaves no consumer behind when it is stopped', async () => {
    const names = async (): Promise<string[]> => {
      const listed = await other.request('$JS.API.CONSUMER.NAMES.INBOUND', '{}');
      return listed.json<{ consumers: string[] | null }>().consumers ?? [];
    };
    await expect.poll(names).toEqual([]);
  });

  it('holds what is beyond its pull while it is paused, and loses nothing', async () => {
    const { end } = await bus.streamInfo('INBOUND');
    const seen: StoredInbound[] = [];
    const reader = await bus.readInbound({
      partitions: ALL,
      from: end,
      onMessage: (message) => {
        seen.push(message);
        if (seen.length === 10) reader.pause();
      },
      onPoison: () => expect.unreachable(),
    });
    await Promise.all(Array.from({ length: 4_000 }, (_, n) => bus.publishInbound(anInbound({ number: n + 1 }), undefined, undefined)));
    await expect.poll(() => seen.length).toBeGreaterThan(10);
    await bus.request('$JS.API.INFO', new Uint8Array(0), 2_000);
    expect(seen.length).toBeLessThanOrEqual(2_048);
    reader.resume();
    await expect.poll(() => seen.length).toBe(4_000);
    expect(seen.map((message) => message.number)).toEqual(Array.from({ length: 4_000 }, (_, n) => n + 1));
    await reader.stop();
  });

  it('hands over what it cannot decode with its reason, and goes on', async () => {
    const { end } = await bus.streamInfo('INBOUND');
    const applicationId = anId();
    const subject = inboundSubject(applicationId, anId());
    const seen: string[] = [];
    const poison: Parameters<ReadOptions<StoredInbound>['onPoison']>[0][] = [];
    const reader = await bus.readInbound({
      partitions: [partitionOf(applicationId)],
      from: end,
      onMessage: (message) => seen.push(message.id),
      onPoison: (found) => poison.push(found),
    });
    const foreign = headers();
    foreign.set('ce-id', 'x');
    other.publish(subject, 'foreign', { headers: foreign });
    other.publish(subject, 'bare');
    await other.flush();
    await bus.publishInbound(anInbound({ applicationId, id: 'good' }), undefined, undefined);
    await expect.poll(() => seen).toEqual(['good']);
    expect(poison.map(({ body, ...rest }) => ({ ...rest, body: Buffer.from(body).toString() }))).toEqual([
      {
        position: end + 1,
        partition: partitionOf(applicationId),
        subject,
        reason: 'header ce-type is missing',
        body: 'foreign',
        headers: { 'ce-id': 'x' },
      },
      { position: end + 2, partition: partitionOf(applicationId), subject, reason: 'header ce-id is missing', body: 'bare', headers: {} },
    ]);
    await reader.stop();
  });

  it('reads messages of 8 MB', async () => {
    const { end } = await bus.streamInfo('INBOUND');
    const body = new Uint8Array(8 * 1024 * 1024 - 2_048).fill(7);
    const sizes: number[] = [];
    const reader = await bus.readInbound({
      partitions: ALL,
      from: end,
      onMessage: (message) => sizes.push(message.body.length),
      onPoison: () => expect.unreachable(),
    });
    const event = anInbound({ body });
    for (let n = 0; n < 5; n++) await bus.publishInbound(event, undefined, undefined);
    await expect.poll(() => sizes, { timeout: 10_000 }).toEqual(Array.from({ length: 5 }, () => body.length));
    await reader.stop();
    expect(await bus.list('INBOUND', inboundSubject(event.applicationId, event.sourceId))).toHaveLength(5);
  });
});
