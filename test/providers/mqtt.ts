import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type IConnackPacket, connect, connectAsync } from 'mqtt';
import { startFaultProxy } from '../servers/fault-proxy.ts';
import { passwordLine, startMosquitto } from '../servers/mosquitto.ts';
import { startScriptedBroker } from '../servers/scripted-broker.ts';
import type { Configured, Driver, ProviderServer } from './driver.ts';

interface User {
  readonly username: string;
  readonly password: string;
}
const OTHER: User = { username: 'another-client', password: 'not-ours' };
const FIRST: User = { username: 'sluice', password: 'opensesame' };
const ROTATED: User = { username: 'sluice-2', password: 'opensesame-2' };

export const mqtt: Driver = { type: 'mqtt', message: 'data.message', start };

async function start(): Promise<ProviderServer> {
  let dir = '';
  const allow = (...users: readonly User[]): void =>
    writeFileSync(join(dir, 'passwords'), users.map(({ username, password }) => passwordLine(username, password)).join(''));
  const broker = await startMosquitto((at) => {
    dir = at;
    allow(OTHER, FIRST, ROTATED);
    return `allow_anonymous false\npassword_file ${join(at, 'passwords')}\n`;
  });
  const proxy = await startFaultProxy({ port: broker.port });
  const refusing = await startScriptedBroker(4, {
    subscribe: ({ messageId }, { reply }) => reply({ cmd: 'suback', messageId, granted: [0x80] }),
  });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const other = await connectAsync(url, { ...OTHER, reconnectPeriod: 20 });
  const arrived = new Map<string, string[]>();
  other.on('message', (topic, payload) => arrived.get(topic)?.push(payload.toString()));
  const configured = (name: string, user = FIRST, port = proxy.port): Configured => ({
    topics: [`in/${name}`],
    config: { protocol: 'mqtt', host: '127.0.0.1', port, clean: false, clientId: `client-${name}`, ...user },
    secrets: [user.password],
  });
  const admit = async (...users: readonly User[]): Promise<void> => {
    allow(OTHER, ...users);
    await broker.kill('SIGTERM');
    await broker.start();
  };
  return {
    name: `mosquitto ${version()}`,
    settings: {},
    proxy,
    source: (name) => {
      // Who asks ends what there was: the first answer counts.
      let session: Promise<boolean> | undefined;
      return Promise.resolve({
        ...configured(name),
        rotated: configured(name, ROTATED),
        refused: () => configured(name, { ...ROTATED, password: 'wrong' }),
        publish: async (bodies) => {
          await Promise.all(bodies.map((body) => other.publishAsync(`in/${name}`, body, { qos: 1 })));
        },
        remains: async () => ((await (session ??= takesOverSession(url, `client-${name}`))) ? [`the session of client-${name}`] : []),
      });
    },
    outlet: async (name) => {
      const topic = `out/${name}`;
      const sent: string[] = [];
      arrived.set(topic, sent);
      await other.subscribeAsync(topic, { qos: 1 });
      return {
        ...configured(name),
        options: { topic, qos: 1 },
        node: (integrationId, messageTemplate) => ({
          type: 'MqttMessageNode',
          config: { integrationId, topicTemplate: topic, messageTemplate, qos: 1 },
        }),
        sent: () => sent,
      };
    },
    missing: () => Promise.resolve(configured('missing', FIRST, refusing.port)),
    revoke: () => admit(),
    restore: () => admit(FIRST, ROTATED),
    stop: async () => {
      await other.endAsync(true);
      await Promise.all([proxy.stop(), refusing.stop()]);
      await broker.stop();
    },
  };
}

/** Whether the broker kept a session for a client id; it has none any more. */
async function takesOverSession(url: string, clientId: string): Promise<boolean> {
  const client = connect(url, { ...OTHER, clientId, clean: false, reconnectPeriod: 0 });
  const { sessionPresent } = await new Promise<IConnackPacket>((resolve, reject) => client.on('connect', resolve).on('error', reject));
  await client.endAsync(true);
  await (await connectAsync(url, { ...OTHER, clientId, clean: true, reconnectPeriod: 0 })).endAsync();
  return sessionPresent;
}

function version(): string {
  const env = { ...process.env, LD_LIBRARY_PATH: process.env['SLUICE_MOSQUITTO_LIBRARIES'] ?? '' };
  const { stdout } = spawnSync(process.env['SLUICE_MOSQUITTO'] ?? '/usr/sbin/mosquitto', ['-h'], { env, encoding: 'utf8' });
  return /version (\S+)/.exec(stdout)?.[1] ?? '';
}
