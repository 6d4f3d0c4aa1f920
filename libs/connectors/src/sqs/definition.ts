import type { Definition } from '#lib/connector-sdk';
import { Rules, has, hostOfUrl, isTemplate } from '../fields.ts';
import { SqsConfig, SqsSend } from './config.ts';

const INLINE = ['region', 'accessKeyId', 'secretAccessKey'];

export const sqs: Definition<SqsConfig> = {
  type: 'sqs',
  title: 'Amazon SQS',
  config: SqsConfig,
  capabilities: {
    delivery: () => 'at-least-once',
    queue: false,
    send: true,
    providerIds: true,
    topics: false,
    binary: false,
    maxBytes: 1_048_576,
  },
  send: SqsSend,
  // SQS carries text only.
  messageData: ({ attributes: { messageId, messageAttributes, systemAttributes, queueUrl }, body }) => ({
    message: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'),
    messageId,
    messageAttributes,
    systemAttributes,
    queueUrl,
  }),
  load: async () => (await import('./provider.ts')).sqsProvider(),
  credential: 'aws',
  inlineAuthentication: INLINE,
  authentication: (config, credentialName) =>
    credentialName !== undefined ? 'credential' : has(config, 'accessKeyId', 'secretAccessKey') ? 'inline' : 'none',
  rules({ config, credentialName }) {
    const rules = new Rules('sqsConfig', config);
    const { queueUrl } = config;
    if (!isTemplate(queueUrl)) {
      if (hostOfUrl(String(queueUrl), ['https', 'http']) === undefined)
        rules.refuse('queueUrl', 'must be the URL of a queue, beginning with https://');
      else if (/^\w+:\/\/[^/?#]*@/.test(String(queueUrl))) rules.refuse('queueUrl', 'must not carry a user name or password');
    }
    if (credentialName !== undefined)
      rules.none(['accessKeyId', 'secretAccessKey'], 'cannot be combined with credentialName: choose one way to authenticate');
    else for (const field of INLINE) if (!has(config, field)) rules.refuse(field, 'is required unless credentialName is given');
    return rules.issues;
  },
  endpoints({ queueUrl }) {
    const host = typeof queueUrl === 'string' && !isTemplate(queueUrl) ? hostOfUrl(queueUrl, ['https', 'http']) : undefined;
    return host === undefined ? [] : [{ field: 'queueUrl', host }];
  },
};
