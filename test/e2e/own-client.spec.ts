import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ConnectorProcess } from '../product/connector-process.ts';

/** By which package a provider's client is known. */
const CLIENTS = {
  sqs: '@aws-sdk/client-sqs',
  azureEventHub: '@azure/event-hubs',
  googlePubSub: '@google-cloud/pubsub',
  mqtt: 'mqtt-packet',
  particle: 'eventsource-parser',
  websocket: 'ws',
} as const;
const TYPES = ['sqs', 'azureEventHub', 'googlePubSub', 'mqtt', 'particle', 'websocket'] as const;

it.each(TYPES)("a connector process of %s loads its own provider's client and no other", async (type) => {
  const connector = await ConnectorProcess.prepare(type);
  const dir = mkdtempSync(join(tmpdir(), 'sluice-loaded-'));
  const file = join(dir, 'packages.json');
  try {
    await connector.create(1);
    await connector.start({ NODE_OPTIONS: `--import=${join(import.meta.dirname, 'loaded-modules.mjs')}`, LOADED_PACKAGES: file });
    expect(await connector.end()).toBe(0);
    const loaded = new Set(JSON.parse(readFileSync(file, 'utf8')) as string[]);
    expect(loaded).toContain('@nats-io/nats-core');
    expect(Object.values(CLIENTS).filter((client) => loaded.has(client))).toEqual([CLIENTS[type]]);
  } finally {
    await connector.stop();
    rmSync(dir, { recursive: true });
  }
});
