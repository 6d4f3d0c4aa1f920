import type { Definition } from '#lib/connector-sdk';
import { MASK, Rules, has, isTemplate } from '../fields.ts';
import { jsonOrText } from '../text.ts';
import { GooglePubSubConfig, GooglePubSubSend, TopicName } from './config.ts';
import { parseKeyFile } from './key-file.ts';

export const googlePubSub: Definition<GooglePubSubConfig> = {
  type: 'googlePubSub',
  title: 'Google Pub/Sub',
  config: GooglePubSubConfig,
  capabilities: { delivery: () => 'at-least-once', queue: false, send: true, providerIds: true, topics: true, binary: true },
  topic: TopicName.meta({
    title: 'Topic',
    description: 'Bare name; we make our own subscription to it, which needs the role pubsub.editor.',
  }),
  send: GooglePubSubSend,
  messageData: ({ attributes: { attributes, id, timestamp, topic }, body }) => {
    const { value, ...encoding } = jsonOrText(body);
    return { data: value, ...encoding, attributes, id, timestamp, topic };
  },
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
