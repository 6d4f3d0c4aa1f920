import { isUtf8 } from 'node:buffer';
import type { Definition } from '#lib/connector-sdk';
import { z } from 'zod';
import { Rules, has, hostIssue, isTemplate } from '../fields.ts';
import { MqttConfig, MqttSend } from './config.ts';
import { topicFilterIssue } from './topic-filter.ts';

const SECURE: ReadonlySet<unknown> = new Set(['mqtts', 'wss']);

const PASSWORD = ['username', 'password'];
const CERTIFICATE = ['privateKey', 'certificate'];

export const mqtt: Definition<MqttConfig> = {
  type: 'mqtt',
  title: 'MQTT',
  config: MqttConfig,
  capabilities: {
    // QoS 1 with a session that outlives the link; a clean one forgets what was not delivered.
    delivery: (config) => (config['clean'] === false ? 'at-least-once' : 'at-most-once'),
    queue: true,
    send: true,
    providerIds: false,
    topics: true,
    binary: true,
  },
  topic: z.string().superRefine((filter, context) => {
    const issue = topicFilterIssue(filter);
    if (issue !== undefined) context.addIssue({ code: 'custom', message: issue });
  }),
  send: MqttSend,
  messageData({ attributes, body }) {
    const { topic } = attributes;
    return isUtf8(body)
      ? { message: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'), topic }
      : { message: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64'), encoding: 'base64', topic };
  },
  load: async () => (await import('./provider.ts')).mqttProvider(),
  inlineAuthentication: [...PASSWORD, ...CERTIFICATE],
  authentication: (config) => (has(config, ...CERTIFICATE) ? 'certificate' : has(config, ...PASSWORD) ? 'password' : 'none'),
  rules({ config }) {
    const rules = new Rules('mqttConfig', config);
    const { protocol, host } = config;
    if (!isTemplate(host)) {
      const issue = hostIssue(String(host));
      if (issue !== undefined) rules.refuse('host', issue);
    }
    if (has(config, 'password') && !has(config, 'username')) rules.refuse('username', 'is required together with password');
    rules.together(CERTIFICATE);
    if (has(config, ...PASSWORD) && has(config, ...CERTIFICATE))
      rules.none(PASSWORD, 'cannot be combined with a client certificate: choose one way to authenticate');
    if (!SECURE.has(protocol)) rules.none([...CERTIFICATE, 'caCertificate'], `needs the protocol mqtts or wss`);
    return rules.issues;
  },
  endpoints: ({ host }) => (typeof host === 'string' && !isTemplate(host) ? [{ field: 'host', host }] : []),
};
