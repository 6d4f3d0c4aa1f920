/**
 * `npm run servers -- <provider>`: a server of a provider on loopback for a person to play with. Prints what to type, takes commands line by line, and ends
 * with Ctrl-C. Nothing it holds outlives it.
 */
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { realDrivers as drivers } from './index.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const type = process.argv[2];
const driver = drivers.find((one) => one.type === type);
if (driver === undefined) {
  say(`usage: npm run servers -- ${drivers.map((one) => one.type).join(' | ')}`);
  process.exit(1);
}

const server = await driver.start();
const source = await server.source('play');
const { topics, config } = source;
const settings = Object.entries(server.settings).map(([name, value]) => `${name}=${value} `);
say(`${server.name}, on 127.0.0.1:${server.proxy.port}

Start Sluice in another terminal:
  ${settings.join('')}npm start
Then POST this to /applications/{applicationId}/integrations:
  ${JSON.stringify({ name: 'Play', integrationType: driver.type, topics, [`${driver.type}Config`]: config })}

Type, and press Enter:
  publish <text>   another client sends a message
  pass             everything goes through (so it is now)
  delay <ms>       each piece of data is held back for so long
  stall            connections stay, and nothing goes through: a black hole
  refuse           new connections are reset
  drop             every connection is reset
  revoke           the credential is accepted no longer
  restore          … and is again
Ctrl-C ends it.`);

const COMMANDS: Readonly<Record<string, (argument: string) => unknown>> = {
  publish: (text) => source.publish([text]),
  pass: () => server.proxy.mode({ kind: 'pass' }),
  delay: (ms) => server.proxy.mode({ kind: 'pass', delayMs: Number(ms) }),
  stall: () => server.proxy.mode({ kind: 'stall' }),
  refuse: () => server.proxy.mode({ kind: 'refuse' }),
  drop: () => server.proxy.drop(),
  revoke: () => server.revoke(),
  restore: () => server.restore(),
};

const lines = createInterface({ input: process.stdin });
const stop = async (): Promise<never> => {
  lines.close();
  await Promise.race([server.stop(), wait(5_000)]);
  process.exit(0);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
for await (const line of lines) {
  const [name = '', ...rest] = line.trim().split(' ');
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (name === '') continue;
  if (command === undefined) say(`unknown: ${name}`);
  else {
    await command(rest.join(' '));
    say(`done: ${line.trim()}`);
  }
}
