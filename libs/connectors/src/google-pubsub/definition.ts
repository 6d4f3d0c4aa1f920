import { isUtf8 } from 'node:buffer';
import type { Definition } from '#lib/connector-sdk';
import { MASK, Rules, has, isTemplate } from '../fields.ts';
import { GooglePubSubConfig, GooglePubSubSend, TopicName } from './config.ts';
import { parseKeyFile } from './key-file.ts';

/** Parsed where it is JSON, else text; bytes that are no text as base64. */
function dataOf(body: Uint8Array): { data: unknown; encoding?: 'base64' } {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!isUtf8(bytes)) return { data: bytes.toString('base64'), encoding: 'base64' };
  const text = bytes.toString('utf8');
  try {
    return { data: JSON.parse(text) as unknown };
  } catch {
    return { data: text };
  }
}

export const googlePubSub: Definition<GooglePubSubConfig> = {
  type: 'googlePubSub',
  title: 'Google Pub/Sub',
  config: GooglePubSubConfig,
  capabilities: { delivery: () => 'at-least-once', queue: false, send: true, providerIds: true, topics: true },
  topic: TopicName.meta({
    title: 'Topic',
    description: 'Bare name; we make our own subscription to it, which needs the role pubsub.editor.',
  }),
  send: GooglePubSubSend,
  messageData: ({ attributes: { attributes, id, timestamp, topic }, body }) => ({ ...dataOf(body), attributes, id, timestamp, topic }),
  load: async () => (await import('./provider.ts')).googlePubSubProvider(),
  credential: 'gcp',
  inlineAuthentication: ['keyJson'],
  // With nothing named, the key itself is the only other way: a PATCH that leaves it out keeps it.
  authentication: (_config, credentialName) => (credentialName === undefined ? 'inline' : 'credential'),
  rules({ config, credentialName }) {
    const rules = new Rules('googlePubSubConfig', config);
    const { keyJson } = config;
    if (credentialName !== undefined) rules.none(['keyJson'], 'cannot be combined with credentialName: choose one way to authenticate');
    else if (!has(config, 'keyJson')) rules.refuse('keyJson', 'is required unless credentialName is given');
    if (typeof keyJson === 'string' && keyJson !== MASK && !isTemplate(keyJson)) {
      const parsed = parseKeyFile(keyJson);
      if (typeof parsed === 'string') rules.refuse('keyJson', parsed);
      else if (parsed.projectId === undefined && !has(config, 'projectId'))
        rules.refuse('projectId', 'is required, for the key file names no project');
    }
    return rules.issues;
  },
  endpoints({ keyJson }) {
    if (typeof keyJson !== 'string' || isTemplate(keyJson)) return [];
    const parsed = parseKeyFile(keyJson);
    return typeof parsed === 'string' ? [] : parsed.hosts.map((host) => ({ field: 'keyJson', host }));
  },
};
