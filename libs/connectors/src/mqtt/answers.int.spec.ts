import { afterEach, describe, expect, it } from 'vitest';
import type { Connection, SendMessage } from '#lib/connector-sdk';
import { type RecordingContext, failure, recordingContext } from '../../../../test/servers/connection-context.ts';
import { type Script, type ScriptedBroker, startScriptedBroker } from '../../../../test/servers/scripted-broker.ts';
import { MqttConfig } from './config.ts';
import { mqttProvider } from './provider.ts';

// How a broker's answers are understood, the rare ones too.

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

type Version = 4 | 5;

async function connecting(
  version: Version,
  script: Script,
  topics: string[] = ['a/#', 'b'],
): Promise<{ connection: Connection; context: RecordingContext; broker: ScriptedBroker }> {
  const broker = await startScriptedBroker(version, script);
  stops.push(broker.stop);
  const context = recordingContext();
  const config = MqttConfig.parse({
    protocol: 'mqtt',
    host: '127.0.0.1',
    port: broker.port,
    protocolVersion: version === 5 ? '5' : '3.1.1',
    clientId: ' as given ',
    username: 'me',
    password: 'opensesame',
    clean: false,
  });
  const connection = await mqttProvider().connect(
    { integrationId: 'i', applicationId: 'a', topics, config, assignedClientId: 'x' },
    context,
  );
  stops.push(() => connection.close({ drain: false }));
  return { connection, context, broker };
}

const refusing = (version: Version, code: number): Script => ({
  connect: (_packet, { reply, close }) => {
    reply({ cmd: 'connack', sessionPresent: false, ...(version === 5 ? { reasonCode: code } : { returnCode: code }) });
    close();
  },
});

describe('a refused CONNECT', () => {
  it.each([
    [4, 1, 'misconfigured', 'protocolVersion'],
    [4, 2, 'misconfigured', 'clientId'],
    [4, 3, 'lost', 'unavailable'],
    [4, 4, 'unauthorized', 'password'],
    [4, 5, 'unauthorized', 'password'],
    [5, 1, 'misconfigured', 'protocolVersion'],
    [5, 0x84, 'misconfigured', 'protocolVersion'],
    [5, 0x85, 'misconfigured', 'clientId'],
    [5, 0x86, 'unauthorized', 'password'],
    [5, 0x87, 'unauthorized', 'password'],
    [5, 0x8a, 'unauthorized', 'banned'],
    [5, 0x88, 'lost', 'unavailable'],
    [5, 0x97, 'throttled', 'quota'],
    [5, 0x9f, 'throttled', 'fast'],
  ] as const)('of version %i with code %i is %s and names %s', async (version, code, kind, word) => {
    const error = await failure(connecting(version, refusing(version, code)));
    expect(error).toMatchObject({ code: kind, message: expect.stringContaining(word) as string });
  });

  it('by closing the link says that CONNECT stayed unanswered', async () => {
    const error = await failure(connecting(5, { connect: (_packet, { close }) => close() }));
    expect(error).toMatchObject({ code: 'lost', message: expect.stringMatching(/without answering CONNECT.*protocolVersion/) as string });
  });
});

it('sends CONNECT as configured', async () => {
  const { broker } = await connecting(5, {});
  expect(broker.packets[0]).toMatchObject({
    clientId: ' as given ',
    clean: false,
    username: 'me',
    keepalive: 30,
    properties: { sessionExpiryInterval: 604_800, receiveMaximum: 256 },
  });
});

it.each([
  [4, 0x80],
  [5, 0x87],
  [5, 0x8f],
] as const)('names the topic filter that a broker of version %i refuses with %i', async (version, code) => {
  const script: Script = { subscribe: ({ messageId }, { reply }) => reply({ cmd: 'suback', messageId, granted: [1, code] }) };
  expect(await failure(connecting(version, script))).toMatchObject({
    code: 'misconfigured',
    message: expect.stringMatching(/subscribe to b:/) as string,
  });
});

it('subscribes to any number of filters and checks the last as the first', async () => {
  const topics = Array.from({ length: 100 }, (_, index) => `t/${index}`);
  const { broker, context } = await connecting(4, {}, topics);
  expect(context.proofs).toEqual(['suback']);
  expect(broker.packets.flatMap((packet) => (packet.cmd === 'subscribe' ? packet.subscriptions.map(({ topic }) => topic) : []))).toEqual(
    topics,
  );
  const script: Script = {
    subscribe: ({ messageId, subscriptions }, { reply }) =>
      reply({ cmd: 'suback', messageId, granted: subscriptions.map(({ topic }) => (topic === 't/99' ? 0x80 : 1)) }),
  };
  expect(await failure(connecting(4, script, topics))).toMatchObject({
    code: 'misconfigured',
    message: expect.stringContaining('t/99') as string,
  });
});

it('tells why a broker of MQTT 5 ended the link', async () => {
  const { context } = await connecting(5, {
    pingreq: (_packet, { reply, close }) => {
      reply({ cmd: 'disconnect', reasonCode: 0x8e });
      close();
    },
  }).then(async (all) => {
    expect(await failure(all.connection.probe())).toMatchObject({ code: 'lost' });
    return all;
  });
  expect(context.losses).toMatchObject([{ code: 'lost', message: expect.stringContaining('clientId') as string }]);
});

it('ends the link, once, when the broker breaks the protocol', async () => {
  for (const bytes of [
    [0x30, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0x32, 3, 0, 9, 1],
    [0x36, 5, 0, 1, 97, 0, 1],
    [0x20, 2, 0, 0],
    [0xf0, 0],
    [0x90, 1, 0],
  ]) {
    const { connection, context } = await connecting(4, { pingreq: (_packet, { raw }) => raw(Uint8Array.from(bytes)) });
    expect(await failure(connection.probe())).toMatchObject({ code: 'lost' });
    expect(context.losses).toMatchObject([{ code: 'lost', message: expect.stringContaining('protocol') as string }]);
  }
});

describe('a send', () => {
  const message = (options: Record<string, unknown>, payload = 'x'): SendMessage => ({
    id: 'r:n:0',
    payload: Buffer.from(payload),
    options,
  });

  it('is unknown when the link ends before its acknowledgement', async () => {
    const { connection, context } = await connecting(4, { publish: (_packet, { close }) => close() });
    expect(await connection.send?.(message({ topic: 'a' }))).toMatchObject({ verdict: 'unknown' });
    expect(context.losses).toHaveLength(1);
    expect(await failure(connection.send?.(message({ topic: 'a' })) ?? Promise.resolve())).toMatchObject({ code: 'lost' });
  });

  it('fails when the broker says so', async () => {
    const { connection } = await connecting(5, {
      publish: ({ messageId, qos }, { reply }) =>
        reply(qos === 1 ? { cmd: 'puback', messageId, reasonCode: 0x87 } : { cmd: 'pubrec', messageId, reasonCode: 0x97 }),
    });
    expect(await connection.send?.(message({ topic: 'a', qos: 1 }))).toMatchObject({
      verdict: 'failed',
      error: { message: expect.stringContaining('not authorized') as string },
    });
    expect(await connection.send?.(message({ topic: 'a', qos: 2 }))).toMatchObject({ verdict: 'failed' });
  });

  it('is refused when it can only be refused, and the link goes on', async () => {
    const { connection, context } = await connecting(5, {
      connect: (_packet, { reply }) =>
        reply({
          cmd: 'connack',
          reasonCode: 0,
          sessionPresent: false,
          properties: { maximumQoS: 1, retainAvailable: false, maximumPacketSize: 100 },
        }),
    });
    for (const bad of [
      message({ topic: 'a/#' }),
      message({}),
      message({ topic: 'a', qos: 3 }),
      message({ topic: 'a', qos: 2 }),
      message({ topic: 'a', retain: true }),
      message({ topic: 'a' }, 'x'.repeat(200)),
    ])
      expect(await failure(connection.send?.(bad) ?? Promise.resolve())).toMatchObject({ code: 'refused' });
    expect(await connection.send?.(message({ topic: 'a' }))).toEqual({ verdict: 'succeeded' });
    expect(context.losses).toEqual([]);
  });

  it('waits while the broker takes no more, and all are sent in order', async () => {
    const waiting: number[] = [];
    const answers: ((id: number) => void)[] = [];
    const { connection, broker } = await connecting(5, {
      connect: (_packet, { reply }) => reply({ cmd: 'connack', reasonCode: 0, sessionPresent: false, properties: { receiveMaximum: 3 } }),
      publish: ({ messageId = 0 }, { reply }) => {
        waiting.push(messageId);
        answers.push((id) => reply({ cmd: 'puback', messageId: id, reasonCode: 0 }));
      },
    });
    const sends = Array.from({ length: 10 }, (_, index) => connection.send?.(message({ topic: 'a', qos: 1 }, `${index}`)));
    for (let sent = 3; sent <= 10; sent++) {
      await expect.poll(() => waiting.length, { interval: 1 }).toBe(sent);
      await connection.probe(); // a send too many would have come before its answer
      expect(waiting).toHaveLength(sent);
      answers[sent - 3]?.(waiting[sent - 3] ?? 0);
    }
    for (const index of [8, 9]) answers[index]?.(waiting[index] ?? 0);
    expect(await Promise.all(sends.map(async (sent) => await sent))).toEqual(Array.from({ length: 10 }, () => ({ verdict: 'succeeded' })));
    const payloads = broker.packets.flatMap((packet) => (packet.cmd === 'publish' ? [String(packet.payload)] : []));
    expect(payloads).toEqual(Array.from({ length: 10 }, (_, index) => `${index}`));
  });
});

it('tells a topic of an older configuration from its own in a session that was kept', async () => {
  const { context, broker, connection } = await connecting(4, {
    connect: (_packet, { reply }) => {
      reply({ cmd: 'connack', returnCode: 0, sessionPresent: true });
      for (const [index, topic] of ['a/1', 'old', 'b'].entries())
        reply({ cmd: 'publish', topic, payload: topic, qos: 1, dup: false, retain: false, messageId: index + 1 });
    },
  });
  await connection.probe();
  expect(context.received.map(({ attributes }) => attributes['topic'])).toEqual(['a/1', 'b']);
  expect(broker.packets.flatMap((packet) => (packet.cmd === 'puback' ? [packet.messageId] : []))).toEqual([1, 2, 3]);
});

it('closes in order while messages are let go: what was stored before is acknowledged, nothing behind', async () => {
  const { context, broker, connection } = await connecting(4, {
    pingreq: (_packet, { reply }) => {
      for (const id of [1, 2, 3]) reply({ cmd: 'publish', topic: 'b', payload: `${id}`, qos: 1, dup: false, retain: false, messageId: id });
      reply({ cmd: 'pingresp' });
    },
  });
  context.storing = 'by hand';
  await connection.probe();
  const [first, second, third] = context.received;
  const closed = connection.close({ drain: true });
  third?.store();
  second?.fail(new Error('let go'));
  first?.store();
  await closed;
  await expect.poll(() => broker.packets.at(-1)?.cmd).toBe('disconnect');
  expect(broker.packets.flatMap((packet) => (packet.cmd === 'puback' ? [packet.messageId] : []))).toEqual([1]);
  expect(context.losses).toEqual([]);
});
