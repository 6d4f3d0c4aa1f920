import type { Definition } from '#lib/connector-sdk';
import { z } from 'zod';
import { MASK, Rules, has, isTemplate, text } from '../fields.ts';
import { parseKeyFile } from './key-file.ts';

export const GooglePubSubConfig = z.strictObject({
  keyJson: text(4, 32_767, {
    title: 'Key file',
    description: "JSON text of a service account's key. Instead of a service credential.",
    template: true,
    secret: true,
  }).optional(),
  projectId: text(1, 255, {
    title: 'Project id',
    description: "Of the topics; default: the key's own project.",
    template: true,
  }).optional(),
});
export type GooglePubSubConfig = z.output<typeof GooglePubSubConfig>;

export const googlePubSub: Definition<GooglePubSubConfig> = {
  type: 'googlePubSub',
  title: 'Google Pub/Sub',
  config: GooglePubSubConfig,
  capabilities: { delivery: () => 'at-least-once', queue: false, send: true, providerIds: true, topics: true },
  topic: z
    .string()
    .regex(/^[A-Za-z0-9._~+%-]+$/, 'must be the bare name of a topic, as myTopic of projects/p/topics/myTopic')
    .meta({ title: 'Topic', description: 'Bare name; we make our own subscription to it, which needs the role pubsub.editor.' }),
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
