import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, spawnServer, type Server } from '../../apps/standalone/src/servers/child.ts';
import { makeEcho } from '../product/echo.ts';
import { Product } from '../product/product.ts';
import { runLoad } from './load.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const NODE_RED_VERSION = '5.0.7';

/** Something that takes messages from one topic and answers on another. */
export interface System {
  readonly name: string;
  readonly pid: number;
  readonly inTopic: string;
  readonly outTopic: string;
  stop(): Promise<void>;
}

async function until(what: string, ready: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await ready())) {
    if (Date.now() > deadline) throw new Error(`${what} was not ready within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Stops what was started when it doesn't become ready. */
async function orStop(stop: () => Promise<void>, ready: () => Promise<void>): Promise<void> {
  try {
    await ready();
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A message sent in comes out. */
const answers = async (port: number, inTopic: string, outTopic: string): Promise<boolean> =>
  (await runLoad({ port, inTopic, outTopic, count: 1, withinMs: 500 })).answered === 1;

/** Sluice with its throttle lifted: trigger → Mutate → MqttMessage. */
export async function startSluice(brokerPort: number, name: string, env: Record<string, string>): Promise<System> {
  const product = await Product.start(env);
  const [inTopic, outTopic] = [`in/${name}`, `out/${name}`];
  const stop = (): Promise<void> => product.stop();
  await orStop(stop, async () => {
    const echo = await makeEcho(product, {
      mqttConfig: { protocol: 'mqtt', host: '127.0.0.1', port: brokerPort, clean: false },
      topics: [inTopic],
      answerTopic: outTopic,
    });
    await until(name, async () => (await echo.state()) === 'connected');
  });
  return { name: `Sluice (${name})`, pid: product.pid, inTopic, outTopic, stop };
}

/** Node-RED from npm, in a folder of its own, installed once: mqtt in → template → mqtt out, QoS 1. */
export async function startNodeRed(brokerPort: number): Promise<System> {
  const folder = join(ROOT, '.bench', 'node-red');
  const script = join(folder, 'node_modules', 'node-red', 'red.js');
  if (!existsSync(script)) {
    process.stdout.write('• Installing Node-RED to compare with (once) …\n');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
    await new Promise<void>((resolve, reject) => {
      const npm = spawn(
        'npm',
        ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', `node-red@${NODE_RED_VERSION}`],
        { cwd: folder, stdio: 'inherit' },
      );
      npm.once('error', reject);
      npm.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`npm install node-red ended with ${code}`))));
    });
  }
  const home = mkdtempSync(join(tmpdir(), 'sluice-node-red-'));
  const port = await freePort();
  const [inTopic, outTopic] = ['in/node-red', 'out/node-red'];
  writeFileSync(
    join(home, 'settings.cjs'),
    `module.exports = { flowFile: 'flows.json', uiHost: '127.0.0.1', uiPort: ${port}, httpAdminRoot: false, logging: { console: { level: 'error' } } };\n`,
  );
  const broker = {
    id: 'broker',
    type: 'mqtt-broker',
    broker: '127.0.0.1',
    port: String(brokerPort),
    clientid: 'node-red',
    autoConnect: true,
    protocolVersion: '4',
    keepalive: '60',
    cleansession: false,
  };
  const flow = [
    { id: 'tab', type: 'tab', label: 'Echo' },
    broker,
    { id: 'node-in', type: 'mqtt in', z: 'tab', topic: inTopic, qos: '1', datatype: 'utf8', broker: 'broker', wires: [['node-rule']] },
    {
      // Node-RED takes a property whose value is some node's id for a reference to it.
      id: 'node-rule',
      type: 'template',
      z: 'tab',
      field: 'payload',
      fieldType: 'msg',
      format: 'handlebars',
      syntax: 'mustache',
      template: '{"echo": {{payload}} }',
      output: 'str',
      wires: [['node-out']],
    },
    { id: 'node-out', type: 'mqtt out', z: 'tab', topic: outTopic, qos: '1', retain: 'false', broker: 'broker', wires: [] },
  ];
  writeFileSync(join(home, 'flows.json'), JSON.stringify(flow));
  const server = spawnServer({
    command: process.execPath,
    args: [script, '--userDir', home, '--settings', join(home, 'settings.cjs')],
    deathSignal: 'TERM',
  });
  const stop = (): Promise<void> => stopAndRemove(server, home);
  await orStop(stop, () => until('Node-RED', () => answers(brokerPort, inTopic, outTopic)));
  return { name: 'Node-RED', pid: server.pid, inTopic, outTopic, stop };
}

/** A second mosquitto that bridges one topic to another through itself: the floor. */
export async function startBridge(brokerPort: number): Promise<System> {
  const home = mkdtempSync(join(tmpdir(), 'sluice-bridge-'));
  const port = await freePort();
  const [inTopic, outTopic] = ['in/bridge', 'out/bridge'];
  const config = join(home, 'mosquitto.conf');
  const connection = (name: string, topic: string): string =>
    `connection ${name}\naddress 127.0.0.1:${brokerPort}\nremote_clientid bridge-${name}\nlocal_clientid local-${name}\ncleansession false\nnotifications false\n${topic}\n`;
  writeFileSync(
    config,
    `user root\nlistener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\n` +
      connection('take', 'topic bridge in 1 hop/ in/') +
      connection('give', 'topic bridge out 1 hop/ out/'),
  );
  const server = spawnServer({
    command: process.env['SLUICE_MOSQUITTO'] ?? '/usr/sbin/mosquitto',
    args: ['-c', config],
    deathSignal: 'TERM',
    env: { ...process.env, LD_LIBRARY_PATH: process.env['SLUICE_MOSQUITTO_LIBRARIES'] ?? '' },
  });
  const stop = (): Promise<void> => stopAndRemove(server, home);
  await orStop(stop, () => until('the bridge', () => answers(brokerPort, inTopic, outTopic)));
  return { name: 'mosquitto bridge', pid: server.pid, inTopic, outTopic, stop };
}

async function stopAndRemove(server: Server, folder: string): Promise<void> {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
