import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inboundFilter, inboundSubject, PARTITIONS, partitionOf } from '#lib/contracts';

import type { Bus, BusError, StoredInbound, StoredTriggered } from './index.ts';
import { anInbound, aTriggered, plain, there } from './testing/builders.ts';
import { startTestBus, type TestBus } from './testing/test-bus.ts';

const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const MIB = 1024 * 1024;

describe('publishing and reading', () => {
  let test: TestBus;
  let bus: Bus;
  beforeAll(async () => {
    test = await startTestBus();
    bus = test.bus;
  });
  afterAll(() => test.stop());

  it('hands an inbound event back as it was published, with its position', async () => {
    const event = anInbound({ redelivered: true, attributes: { topic: 'tür/1', "x'y": ['"', '%0d', '\r\n'] } });
    const { position, duplicate } = await bus.publishInbound(event, 'm1', undefined);
    expect(duplicate).toBe(false);
    const stored = await bus.lastInbound(event.applicationId, event.sourceId);
    expect(plain(stored)).toEqual({ ...event, position });
  });

  it('reads what is stored and what comes, in order, of the partitions asked', async () => {
    const { end } = await bus.streamInfo('INBOUND');
    const events = Array.from({ length: 40 }, (_, n) => anInbound({ number: n + 1 }));
    const wanted = partitionOf(events[0]?.applicationId ?? '');
    for (const event of events.slice(0, 20)) await bus.publishInbound(event, undefined, undefined);
    const seen: StoredInbound[] = [];
    const partial: StoredInbound[] = [];
    const onPoison = (): void => expect.unreachable();
    const all = await bus.readInbound({ partitions: ALL, from: end, onMessage: (message) => seen.push(message), onPoison });
    const one = await bus.readInbound({
      partitions: [wanted],
      from: end,
      onMessage: (message, partition) => {
        expect(partition).toBe(wanted);
        partial.push(message);
      },
      onPoison,
    });
    for (const event of events.slice(20)) await bus.publishInbound(event, undefined, undefined);
    await expect.poll(() => seen.map((message) => message.id)).toEqual(events.map((event) => event.id));
    const expected = events.filter((event) => partitionOf(event.applicationId) === wanted).map((event) => event.id);
    await expect.poll(() => partial.map((message) => message.id)).toEqual(expected);
    await all.stop();
    await one.stop();
  });

  it('stores one message for a message id published twice', async () => {
    const event = anInbound();
    const first = await bus.publishInbound(event, 'twice', undefined);
    const second = await bus.publishInbound(event, 'twice', undefined);
    expect(second).toEqual({ position: first.position, duplicate: true });
  });

  it('stores a batch whole or not at all', async () => {
    const { applicationId, sourceId } = anInbound();
    const of = (...ids: string[]) =>
      ids.map((id) => ({ event: anInbound({ id, applicationId, sourceId }), messageId: `${sourceId}:${id}` }));
    const listed = async () =>
      (await bus.list('INBOUND', inboundSubject(applicationId, sourceId))).map((message) => bus.decodeInbound(message));
    const partition = partitionOf(applicationId);
    const old = await bus.writeFence('INBOUND', 'connector-sqs', partition, 1);
    const fence = await bus.writeFence('INBOUND', 'connector-sqs', partition, 2);
    const { position, duplicate } = await bus.publishInboundBatch(of('a', 'b', 'c'), fence);
    expect(duplicate).toBe(false);
    expect((await listed()).map(({ id, position: at }) => [id, at])).toEqual([
      ['a', position - 2],
      ['b', position - 1],
      ['c', position],
    ]);
    await expect(bus.publishInboundBatch(of('d', 'b', 'e'), fence)).rejects.toMatchObject({ code: 'duplicate' });
    await expect(bus.publishInboundBatch(of('f', 'f'), fence)).rejects.toMatchObject({ code: 'duplicate' });
    await expect(bus.publishInboundBatch(of('g', 'h'), old)).rejects.toMatchObject({ code: 'fenced' });
    const [first, last] = of('i', 'j');
    const large = { messageId: 'large', event: anInbound({ applicationId, sourceId, body: Buffer.alloc(8 * MIB + 1) }) };
    await expect(bus.publishInboundBatch([there(first), large, there(last)], fence)).rejects.toMatchObject({ code: 'tooLarge' });
    expect((await listed()).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    await bus.publishInboundBatch(of('d', 'f', 'g', 'i'), fence);
    expect((await listed()).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'f', 'g', 'i']);
  });

  it('refuses a batch that is more than there is room for', async () => {
    const { applicationId, sourceId } = anInbound();
    const fence = await bus.writeFence('INBOUND', 'connector-sqs', partitionOf(applicationId), 3);
    const publish = (from: number, size: number) =>
      bus.publishInboundBatch(
        Array.from({ length: size }, (_, index) => ({
          event: anInbound({ applicationId, sourceId }),
          messageId: `${sourceId}:${from + index}`,
        })),
        fence,
      );
    for (let from = 0; from < 9_900; from += 900) await publish(from, 900);
    await expect(publish(9_900, 101)).rejects.toMatchObject({ code: 'full' });
    await publish(9_900, 100);
  });

  it('carries triggered events whole', async () => {
    const event = aTriggered({ fanOut: ['a', 'b'] });
    const fence = await bus.writeFence('TRIGGERED', 'dispatch', partitionOf(event.applicationId), 1);
    const { position } = await bus.publishTriggered(event, fence);
    const seen: StoredTriggered[] = [];
    const reader = await bus.readTriggered({
      partitions: [partitionOf(event.applicationId)],
      from: 0,
      onMessage: (message) => seen.push(message),
      onPoison: () => expect.unreachable(),
    });
    await expect.poll(() => seen.map((message) => plain(message))).toEqual([{ ...event, position }]);
    await reader.stop();
  });

  it('moves attributes beyond 32 KB into the body and back', async () => {
    const event = anInbound({ attributes: { long: 'ü'.repeat(40_000) } });
    await bus.publishInbound(event, undefined, undefined);
    const [stored] = await bus.list('INBOUND', inboundSubject(event.applicationId, event.sourceId));
    expect(stored?.headers['ce-attributes']).toBeUndefined();
    const { attributes, body } = bus.decodeInbound(there(stored));
    expect(attributes['long'] === event.attributes['long']).toBe(true);
    expect(Buffer.from(body)).toEqual(Buffer.from(event.body));
  });

  it('finds the highest running number of a source behind events that have none', async () => {
    const event = anInbound({ number: 41 });
    const { applicationId, sourceId } = event;
    const none = { applicationId, sourceId, number: undefined } as const;
    await bus.publishInbound(anInbound({ ...none, type: 'connect' }), undefined, undefined);
    expect(await bus.lastInbound(applicationId, sourceId)).toBeUndefined();
    await bus.publishInbound(event, undefined, undefined);
    await bus.publishInbound({ ...event, id: 'last', number: 42 }, undefined, undefined);
    for (let n = 0; n < 250; n++) await bus.publishInbound(anInbound({ ...none, type: 'disconnect' }), undefined, undefined);
    await bus.publishInbound(anInbound({ ...none }), undefined, undefined); // a replay
    await bus.publishOutbound(inboundSubject(applicationId, sourceId), Buffer.from('not ours'), 'unreadable');
    expect(await bus.lastInbound(applicationId, sourceId)).toMatchObject({ id: 'last', number: 42 });
  });

  it('lets no value start a header of its own', async () => {
    const event = anInbound({ id: 'x\r\nNats-Rollup: all\r\ny', attributes: { topic: 'a\r\nNats-Msg-Id: 1' } });
    const before = await bus.streamInfo('INBOUND');
    await bus.publishInbound(event, 'a\r\nNats-Rollup: all', undefined);
    expect((await bus.streamInfo('INBOUND')).messages).toBe(before.messages + 1);
    expect((await bus.lastInbound(event.applicationId, event.sourceId))?.id).toBe(event.id);
  });

  it('refuses what is too large before it is sent', async () => {
    await expect(bus.publishInbound(anInbound({ body: Buffer.alloc(8 * MIB + 1) }), undefined, undefined)).rejects.toMatchObject({
      code: 'tooLarge',
    });
    await expect(bus.publishInbound(anInbound({ id: 'i'.repeat(70_000) }), undefined, undefined)).rejects.toMatchObject({
      code: 'tooLarge',
    });
  });

  it('refuses a fenced-off holder and leaves fences alone when a partition is purged', async () => {
    const event = anInbound();
    const partition = partitionOf(event.applicationId);
    const old = await bus.writeFence('INBOUND', 'connector-mqtt', partition, 1);
    await bus.publishInbound(event, undefined, old);
    const current = await bus.writeFence('INBOUND', 'connector-mqtt', partition, 2);
    await expect(bus.publishInbound(event, undefined, old)).rejects.toMatchObject({ code: 'fenced' });
    await expect(bus.writeFence('INBOUND', 'connector-mqtt', partition, 1)).rejects.toMatchObject({ code: 'fenced' });
    const { position } = await bus.publishInbound(event, undefined, current);
    await bus.purge('INBOUND', inboundFilter(partition), position);
    expect(await bus.list('INBOUND', inboundFilter(partition))).toEqual([]);
    await bus.publishInbound(event, undefined, current);
  });

  it('purges up to and including a position', async () => {
    const event = anInbound();
    const first = await bus.publishInbound(event, undefined, undefined);
    const second = await bus.publishInbound(event, undefined, undefined);
    const filter = inboundSubject(event.applicationId, event.sourceId);
    await bus.purge('INBOUND', filter, first.position);
    expect((await bus.list('INBOUND', filter)).map((message) => message.position)).toEqual([second.position]);
  });

  it('refuses new messages when a stream is full and keeps what it has', async () => {
    const event = anInbound({ applicationId: 'a'.repeat(24), sourceId: 'b'.repeat(24) });
    const results = await Promise.allSettled(Array.from({ length: 10_001 }, () => bus.publishInbound(event, undefined, undefined)));
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed.map(({ reason }) => (reason as BusError).code)).toEqual(['full']);
    const listed = await bus.list('INBOUND', inboundSubject(event.applicationId, event.sourceId), { max: 20_000 });
    expect(listed).toHaveLength(10_000);
  });
});
